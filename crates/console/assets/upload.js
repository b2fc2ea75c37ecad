// Files dropped or picked are sent one by one, each with its progress and its result. Without it the form sends them all.
"use strict";
(() => {
  const form = document.querySelector("form[data-upload]");
  if (!form) return;
  const picker = form.querySelector("input[type=file]");
  const drop = form.querySelector(".drop");
  const list = document.getElementById("uploads");
  const row = document.getElementById("upload-row");
  const AT_ONCE = 3;
  const waiting = [];
  let running = 0;

  function add(files) {
    for (const file of files) {
      const item = row.content.firstElementChild.cloneNode(true);
      item.querySelector(".name").textContent = file.name;
      item.querySelector(".state").textContent = "waiting";
      list.prepend(item);
      waiting.push({ file, item });
    }
    list.parentElement.hidden = false;
    next();
  }

  function next() {
    while (running < AT_ONCE && waiting.length) {
      running += 1;
      send(waiting.shift(), () => { running -= 1; next(); });
    }
  }

  function send({ file, item }, done) {
    const body = new FormData();
    body.append("csrf", form.elements.csrf.value);
    for (const name of ["client_code", "project_code", "mode"]) {
      const value = form.elements[name].value.trim();
      if (value) body.append(name, value);
    }
    body.append("files", file, file.name);
    const [bar, state, result] = ["progress", ".state", ".result"].map((part) => item.querySelector(part));
    const request = new XMLHttpRequest();
    request.open("POST", form.dataset.upload);
    request.setRequestHeader("Accept", "text/html");
    request.upload.onprogress = (event) => {
      if (!event.lengthComputable) return;
      bar.value = event.loaded / event.total;
      state.textContent = event.loaded < event.total ? `${Math.floor(bar.value * 100)} %` : "being read …";
    };
    request.upload.onload = () => { bar.removeAttribute("value"); state.textContent = "being read …"; };
    request.onload = () => {
      bar.remove();
      state.textContent = "";
      const page = new DOMParser().parseFromString(request.responseText, "text/html");
      const found = page.querySelector("#results, main");
      if (found) result.replaceChildren(...document.importNode(found, true).childNodes);
      else state.textContent = `failed (${request.status})`;
      done();
    };
    request.onerror = () => { bar.remove(); state.textContent = "the connection broke: send it again"; done(); };
    state.textContent = "0 %";
    request.send(body);
  }

  picker.addEventListener("change", () => { add(picker.files); picker.value = ""; });
  form.addEventListener("submit", (event) => { event.preventDefault(); add(picker.files); });
  for (const kind of ["dragenter", "dragover"]) {
    drop.addEventListener(kind, (event) => { event.preventDefault(); drop.classList.add("over"); });
  }
  for (const kind of ["dragleave", "drop"]) drop.addEventListener(kind, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => { event.preventDefault(); add(event.dataTransfer.files); });
  form.classList.add("scripted");
})();
