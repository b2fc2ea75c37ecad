// A drawing's picture to look around in: wheel or buttons zoom, dragging moves, layers go on and off, and what is under
// the pointer tells its length. Without it the picture is a picture.
"use strict";
(() => {
  const PIECES_MAX = 20000;

  async function open(viewer) {
    const picture = viewer.querySelector("img");
    const answer = await fetch(viewer.dataset.svg, { credentials: "same-origin" });
    if (!answer.ok) return;
    const parsed = new DOMParser().parseFromString(await answer.text(), "image/svg+xml");
    if (parsed.querySelector("parsererror") || parsed.documentElement.localName !== "svg") return;
    const svg = document.importNode(parsed.documentElement, true);
    for (const odd of svg.querySelectorAll("script, foreignObject, style")) odd.remove();
    svg.setAttribute("tabindex", "0");
    svg.setAttribute("aria-keyshortcuts", "+ - 0 ArrowLeft ArrowRight ArrowUp ArrowDown");
    picture.replaceWith(svg);
    for (const part of viewer.querySelectorAll("[data-scripted]")) part.hidden = false;
    look(viewer, svg);
    layers(svg);
    measure(viewer, svg);
  }

  function look(viewer, svg) {
    const whole = svg.viewBox.baseVal;
    const all = { x: whole.x, y: whole.y, width: whole.width, height: whole.height };
    let view = { ...all };
    const show = () => svg.setAttribute("viewBox", `${view.x} ${view.y} ${view.width} ${view.height}`);
    const zoom = (factor, x, y) => {
      const width = Math.min(Math.max(view.width * factor, all.width / 2000), all.width * 4);
      const by = width / view.width;
      view = { x: x - (x - view.x) * by, y: y - (y - view.y) * by, width, height: view.height * by };
      show();
    };
    const middle = () => [view.x + view.width / 2, view.y + view.height / 2];
    const place = (event) => {
      const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      return [point.x, point.y];
    };
    svg.addEventListener("wheel", (event) => {
      event.preventDefault();
      zoom(Math.exp(Math.max(-100, Math.min(100, event.deltaY)) * 0.003), ...place(event));
    }, { passive: false });
    let held = null;
    svg.addEventListener("pointerdown", (event) => {
      held = place(event);
      svg.setPointerCapture(event.pointerId);
      svg.classList.add("held");
    });
    svg.addEventListener("pointermove", (event) => {
      if (!held) return;
      const [x, y] = place(event);
      view.x -= x - held[0];
      view.y -= y - held[1];
      show();
    });
    for (const kind of ["pointerup", "pointercancel"]) {
      svg.addEventListener(kind, () => { held = null; svg.classList.remove("held"); });
    }
    const keys = {
      "+": () => zoom(0.8, ...middle()), "-": () => zoom(1.25, ...middle()), "0": () => { view = { ...all }; show(); },
      ArrowLeft: () => { view.x -= view.width / 10; show(); }, ArrowRight: () => { view.x += view.width / 10; show(); },
      ArrowUp: () => { view.y -= view.height / 10; show(); }, ArrowDown: () => { view.y += view.height / 10; show(); },
    };
    svg.addEventListener("keydown", (event) => {
      if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      keys[event.key]();
    });
    viewer.addEventListener("click", (event) => keys[event.target.closest("[data-key]")?.dataset.key]?.());
  }

  function layers(svg) {
    for (const box of document.querySelectorAll("input[data-layer-of]")) {
      const groups = [...svg.querySelectorAll("g[data-layer]")].filter((group) => group.dataset.layer === box.value);
      box.disabled = groups.length === 0;
      box.addEventListener("change", () => {
        for (const group of groups) group.setAttribute("display", box.checked ? "inline" : "none");
      });
    }
    for (const box of document.querySelectorAll("input[data-findings]")) {
      box.addEventListener("change", () => {
        for (const ring of svg.querySelectorAll(".finding")) ring.setAttribute("display", box.checked ? "inline" : "none");
      });
    }
  }

  // One path holds many lines: each becomes an element of its own, so that it can be pointed at.
  function measure(viewer, svg) {
    const reading = viewer.querySelector(".reading");
    let pieces = 0;
    for (const path of svg.querySelectorAll("g[data-layer] path")) {
      const parts = path.getAttribute("d").split(/(?=M)/).filter((part) => part.length > 1);
      pieces += parts.length;
      if (pieces > PIECES_MAX) break;
      if (parts.length < 2) continue;
      path.replaceWith(...parts.map((part) => {
        const piece = path.cloneNode(false);
        piece.setAttribute("d", part);
        return piece;
      }));
    }
    svg.addEventListener("pointerover", (event) => {
      const [path, ring] = ["g[data-layer] path", ".finding"].map((part) => event.target.closest?.(part));
      const layer = path?.parentElement.dataset.layer;
      if (ring) reading.textContent = ring.querySelector("title")?.textContent ?? ring.dataset.code;
      else if (path) reading.textContent = `${layer || "no layer"}: ${path.getTotalLength().toFixed(2)} mm`;
      else reading.textContent = "point at a line to measure it";
    });
  }

  for (const viewer of document.querySelectorAll(".viewer[data-svg]")) open(viewer);
})();
