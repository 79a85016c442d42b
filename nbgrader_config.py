"""nbgrader for this course: solutions -> exercises -> submitted -> autograded -> feedback.

Run every nbgrader command from this folder.
"""

from course_lib.grading.configure import configure

c = get_config()  # noqa: F821 - nbgrader provides it

c.CourseDirectory.course_id = "deep-learning-for-computer-vision"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"

c.ClearSolutions.code_stub = {"python": "raise NotImplementedError"}
c.ClearSolutions.text_stub = "*Your answer here.*"

# Students' code runs in our sandbox and not in a kernel of this machine's.
configure(c)
