"""nbgrader for this course: solutions -> exercises -> submitted -> autograded -> feedback.

Run every nbgrader command from this folder.
"""

c = get_config()  # noqa: F821 - nbgrader provides it

c.CourseDirectory.course_id = "deep-learning-for-computer-vision"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"

c.ClearSolutions.code_stub = {"python": "raise NotImplementedError"}
c.ClearSolutions.text_stub = "*Your answer here.*"

# A cell gets a minute; a check stops the student's function long before.
c.Execute.timeout = 60
