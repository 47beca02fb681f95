"use strict";
// Sends chosen files straight to storage and notes their keys in the form. It never submits a form.
for (const box of document.querySelectorAll("[data-upload]")) {
  const picker = box.querySelector("input[type=file]");
  const list = box.querySelector("ul");
  const alarm = box.querySelector("[role=alert]");
  const form = box.closest("form");
  const say = box.dataset;
  let pending = 0;

  const tell = (message) => { alarm.textContent = message; alarm.hidden = !message; };

  const removable = (row, button) => {
    button.hidden = false;
    button.addEventListener("click", () => { row.remove(); picker.focus(); });
  };

  const addRow = (file) => {
    const row = document.createElement("li");
    const name = document.createElement("span");
    const bar = document.createElement("progress");
    name.className = "name";
    name.textContent = file.name;
    bar.max = 1;
    bar.value = 0;
    bar.setAttribute("aria-label", file.name);
    row.append(name, bar);
    list.append(row);
    return row;
  };

  const end = (row, name) => {
    row.querySelector("progress")?.remove();
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet slim";
    button.textContent = say.remove;
    button.setAttribute("aria-label", say.remove + " " + name);
    row.append(button);
    removable(row, button);
  };

  const fail = (row, name, message) => {
    end(row, name);
    const problem = document.createElement("p");
    problem.className = "problem";
    problem.textContent = message;
    row.append(problem);
  };

  const keep = (row, name, key) => {
    const noted = document.createElement("input");
    noted.type = "hidden";
    noted.name = "file";
    noted.value = key;
    const done = document.createElement("span");
    done.textContent = say.done;
    row.append(noted, done);
    end(row, name);
  };

  const send = (row, file, permit) => new Promise((resolve) => {
    const body = new FormData();
    for (const [field, value] of Object.entries(permit.fields)) body.append(field, value);
    body.append("file", file);
    const request = new XMLHttpRequest();
    request.open("POST", permit.url);
    request.upload.addEventListener("progress", (event) => {
      const bar = row.querySelector("progress");
      if (bar && event.lengthComputable) bar.value = event.loaded / event.total;
    });
    request.addEventListener("load", () => {
      if (request.status >= 200 && request.status < 300) keep(row, file.name, permit.key);
      else fail(row, file.name, say.failed);
    });
    request.addEventListener("error", () => fail(row, file.name, say.failed));
    request.addEventListener("loadend", resolve);
    request.send(body);
  });

  const ask = async (files) => {
    const body = new URLSearchParams({ nonce: say.nonce });
    for (const file of files) {
      body.append("name", file.name);
      body.append("size", String(file.size));
      body.append("type", file.type || "application/octet-stream");
    }
    const reply = await fetch(say.upload, { method: "POST", body, headers: { Accept: "application/json" } });
    return reply.json();
  };

  const take = async (files) => {
    const rows = files.map(addRow);
    const answered = new Set();
    tell("");
    let answer = {};
    try { answer = await ask(files); } catch { /* said below: nothing was permitted */ }
    const told = (list) => (list || []).filter((one) => one.at in files && answered.add(one.at));
    for (const problem of told(answer.problems)) fail(rows[problem.at], files[problem.at].name, problem.message);
    const permitted = told(answer.files);
    const general = (answer.problems || []).find((one) => !(one.at in files));
    files.forEach((file, at) => { if (!answered.has(at)) fail(rows[at], file.name, general ? general.message : say.failed); });
    if (general) tell(general.message);
    for (const permit of permitted) await send(rows[permit.at], files[permit.at], permit);
  };

  picker.addEventListener("change", async () => {
    const files = [...picker.files];
    if (!files.length) return;
    picker.value = "";
    pending += 1;
    try { await take(files); } finally { pending -= 1; }
    if (!pending && alarm.textContent === say.wait) tell("");
  });

  form.addEventListener("submit", (event) => {
    if (!pending) return;
    event.preventDefault();
    tell(say.wait);
    alarm.scrollIntoView({ block: "center" });
  });

  for (const button of list.querySelectorAll("[data-remove]")) removable(button.closest("li"), button);
}
