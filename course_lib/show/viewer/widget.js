// The viewer's page in a frame of its own, whose camera the kernel follows and moves.
const PAUSE = 100;  // ms between two messages to the kernel

function render({ model, el }) {
  const frame = document.createElement("iframe");
  frame.sandbox = "allow-scripts";
  frame.title = "Splat viewer";
  frame.style.cssText = "width:100%;box-sizing:border-box;border:1px solid #8888";
  frame.style.height = model.get("height") + "px";
  frame.srcdoc = model.get("page");

  let seen, waiting;  // where the page last stood; the next message to the kernel
  function send() {
    waiting = undefined;
    model.set("eye", seen);
    model.save_changes();
  }
  function move() {
    const eye = model.get("eye");
    if (String(eye) !== String(seen)) frame.contentWindow.postMessage({ eye }, "*");
    seen = eye;
  }
  function hear({ source, data }) {
    if (source !== frame.contentWindow) return;
    if (data.ready) move();
    if (!data.eye) return;
    seen = data.eye;
    waiting ??= setTimeout(send, PAUSE);
  }
  addEventListener("message", hear);
  model.on("change:eye", move);
  el.append(frame);
  return () => {
    removeEventListener("message", hear);
    model.off("change:eye", move);
    clearTimeout(waiting);
  };
}

export default { render };
