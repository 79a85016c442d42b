// Live Plotly figures, names for the buttons of the navigation, wide formulas within reach of the keyboard.
(() => {
  const address = document.currentScript.src;

  // Plotly is large, so only a page with a figure loads it. Until then its still picture stands there.
  const figures = document.querySelectorAll(".live-figure");
  const draw = (box) => {
    const figure = JSON.parse(box.querySelector("script").textContent);
    const canvas = document.createElement("div");
    box.append(canvas);
    const layout = { ...figure.layout, autosize: true };
    Plotly.newPlot(canvas, figure.data, layout, { responsive: true, displaylogo: false }).then(() => {
      box.querySelector("img").hidden = true;
      box.dataset.live = "yes";
    });
  };
  if (figures.length) {
    const library = document.createElement("script");
    library.src = new URL("plotly.min.js", address);
    library.onload = () => figures.forEach(draw);
    document.head.append(library);
  }

  // The theme's arrow that unfolds a part of the navigation has no name of its own.
  for (const button of document.querySelectorAll("nav li.has-children > details > summary")) {
    const entry = button.closest("li").querySelector("a");
    button.setAttribute("aria-label", `Pages of ${entry.textContent.trim()}`);
  }

  // A formula wider than the page scrolls by itself, so the keyboard must get there.
  const reach = () => {
    for (const formula of document.querySelectorAll("mjx-container[display]")) {
      const wide = formula.scrollWidth > formula.clientWidth;
      formula.toggleAttribute("tabindex", wide);
      if (wide) formula.tabIndex = 0;
    }
  };
  window.addEventListener("load", () => window.MathJax?.startup?.promise?.then(reach));
  window.addEventListener("resize", reach);
})();
