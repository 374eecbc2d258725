// The explorer's page: a form made of the controls that a model's task names, and what the model makes of it.

import { $, element, ask, send, sendAndWait, complain } from "./common.js";

const SIDE = 256;  // pixels of a canvas to draw on

let model, view, said = {}, kept = [], busy = false, waiting = false, asked = 0;

// ---- the form -----------------------------------------------------------------------------------------------------

function valuesOf(one) {
  said[one.name] ??= Object.fromEntries(one.controls.map(c => [c.name, c.default]));
  return said[one.name];
}

function field(control) {
  const values = valuesOf(view), id = `control-${control.name}`.replace(/[^\w-]/g, "_");
  const set = value => { values[control.name] = value; if (!view.slow) answer(); };
  const label = element("label", { htmlFor: id, textContent: control.label });
  if (control.kind === "slider") {
    const shown = element("output", { htmlFor: id, textContent: values[control.name] });
    const input = element("input", { id, type: "range", min: control.minimum, max: control.maximum, step: control.step,
      value: values[control.name], oninput: () => { shown.textContent = input.value; set(Number(input.value)); } });
    return element("div", {}, label, element("div", { className: "slider" }, input, shown));
  }
  if (control.kind === "number") {
    const input = element("input", { id, type: "number", min: control.minimum, max: control.maximum, step: 1,
      value: values[control.name], oninput: () => { if (input.value !== "") set(Number(input.value)); } });
    return element("div", {}, label, input);
  }
  if (control.kind === "choice") {
    const select = element("select", { id, onchange: () => set(select.value) },
      ...control.choices.map(c => element("option", { value: c, textContent: c })));
    select.value = values[control.name];
    return element("div", {}, label, select);
  }
  if (control.kind === "text") {
    const text = element("textarea", { id, rows: 5, value: values[control.name], oninput: () => { values[control.name] = text.value; } });
    return element("div", {}, label, text, element("div", { className: "bar" },
      element("button", { type: "button", className: "main", textContent: "Ask", onclick: answer })));
  }
  return pictureField(control, id, label, values);
}

function pictureField(control, id, label, values) {
  const box = element("div", { className: "drawing" });
  const file = element("input", { id, type: "file", accept: "image/*" });
  const look = element("img", { className: "look", alt: "the picture that was given", hidden: true });
  let show = src => { look.src = src; look.hidden = false; };
  const give = async blob => {
    try {
      const found = await ask("api/pictures", { method: "POST", body: blob, headers: { "content-type": "application/octet-stream" } });
      values[control.name] = found.name;
      values[`${control.name} src`] = found.src;
      return found;
    } catch (error) { complain(error); return null; }
  };
  const others = now => {
    for (const [name, value] of Object.entries(now)) {
      values[name] = value;
      $(`control-${name}`).value = value;
    }
  };
  file.onchange = async () => {
    const found = file.files[0] && await give(file.files[0]);
    if (found) { others(control.sent); show(found.src); if (!view.slow) answer(); }
  };
  box.append(label, file);
  if (model.examples.length && control.name === "picture") {
    box.append(element("div", { className: "examples", role: "group", ariaLabel: "Examples" },
      ...model.examples.map((example, i) => element("button", { type: "button", ariaLabel: `example ${i + 1}`,
        onclick: () => { values[control.name] = example.name; values[`${control.name} src`] = example.src; others(control.drawn); show(example.src); if (!view.slow) answer(); } },
      element("img", { src: example.src, alt: "" })))));
  }
  if (control.blank) show = canvasIn(box, control, async blob => { if (await give(blob)) { others(control.drawn); if (!view.slow) answer(); } });
  else box.append(look);
  if (values[`${control.name} src`]) show(values[`${control.name} src`]);
  return box;
}

function canvasIn(box, control, give) {
  const canvas = element("canvas", { width: SIDE, height: SIDE, tabIndex: 0, ariaLabel: `Canvas to draw on: ${control.label}` });
  canvas.setAttribute("role", "application");
  const context = canvas.getContext("2d");
  const light = parseInt(control.blank.slice(1, 3), 16) > 127;
  const palette = control.name === "picture" && model.palette.length ? model.palette : [];
  let blank = palette[0] || control.blank, pen = [SIDE / 2, SIDE / 2], down = false;
  const first = palette.length > 1 ? palette[1] : light ? "#000000" : "#ffffff";
  const ink = element("input", { type: "color", value: first, ariaLabel: "colour of the pen" });
  const width = element("input", { type: "range", min: 1, max: 48, value: 8, ariaLabel: "width of the pen" });
  const wipe = () => { context.fillStyle = blank; context.fillRect(0, 0, canvas.width, canvas.height); };
  const finish = () => canvas.toBlob(give);
  const at = event => {
    const where = canvas.getBoundingClientRect();
    return [(event.clientX - where.left) / where.width * canvas.width, (event.clientY - where.top) / where.height * canvas.height];
  };
  const line = (from, to) => {
    Object.assign(context, { strokeStyle: ink.value, lineWidth: Number(width.value), lineCap: "round" });
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(to[0] + .01, to[1]);
    context.stroke();
  };
  canvas.onpointerdown = event => { down = true; canvas.setPointerCapture(event.pointerId); pen = at(event); line(pen, pen); };
  canvas.onpointermove = event => { if (down) { const to = at(event); line(pen, to); pen = to; } };
  canvas.onpointerup = canvas.onpointercancel = () => { if (down) { down = false; finish(); } };
  canvas.onkeydown = event => {
    const way = { ArrowLeft: [-8, 0], ArrowRight: [8, 0], ArrowUp: [0, -8], ArrowDown: [0, 8] }[event.key];
    if (!way && event.key !== "Enter") return;
    event.preventDefault();
    if (!way) { line(pen, pen); finish(); return; }
    const to = pen.map((v, i) => Math.max(0, Math.min(SIDE, v + way[i])));
    if (event.shiftKey) { line(pen, to); finish(); }
    pen = to;
  };
  wipe();
  box.append(canvas, element("div", { className: "swatches" }, ink,
    ...palette.map(colour => { const b = element("button", { type: "button", ariaLabel: `pen ${colour}`, onclick: () => { ink.value = colour; } }); b.style.background = colour; return b; })),
  element("label", {}, "pen ", width),
  element("div", { className: "bar" }, element("button", { type: "button", textContent: "Empty", onclick: () => { wipe(); finish(); } }),
    element("span", { className: "faint", textContent: "Draw, or use arrow keys: Enter dabs, Shift draws." })));
  return src => {
    const image = new Image();
    image.onload = () => {
      const large = Math.max(1, Math.round(SIDE / Math.max(image.width, image.height)));
      [canvas.width, canvas.height] = [image.width * large, image.height * large];
      context.imageSmoothingEnabled = false;
      context.drawImage(image, 0, 0, canvas.width, canvas.height);
    };
    image.src = src;
  };
}

// ---- answers ------------------------------------------------------------------------------------------------------

async function answer() {
  if (busy) { waiting = true; return; }
  busy = true;
  const [mine, which] = [model, view];
  const slow = setTimeout(() => { $("status").textContent = "The model is at work …"; }, 400);
  try {
    const began = performance.now();
    const values = Object.fromEntries(which.controls.map(c => [c.name, valuesOf(which)[c.name]]));
    const found = which.slow ? await sendAndWait(`api/ask/${which.name}`, { model: mine.name, values }, share => {
      clearTimeout(slow);
      if (mine === model && which === view) $("status").textContent = `The model is at work: ${Math.round(100 * share)} %`;
    }) : await send(`api/ask/${which.name}`, { model: mine.name, values });
    clearTimeout(slow);
    if (mine === model && which === view) {
      complain();
      show(found.made);
      const took = Math.round(performance.now() - began);
      $("status").textContent = `${found.made.length} in ${took} ms, of which the model took ${Math.round(1000 * found.seconds)}`;
      asked++;
    }
  } catch (error) {
    clearTimeout(slow);
    $("status").textContent = "";
    if (mine === model && which === view) {
      const nothingYet = which.controls.some(c => c.kind === "picture" && c.blank && valuesOf(which)[c.name] === null);
      if (nothingYet) { $("made").replaceChildren(); $("code").hidden = true; $("status").textContent = error.message; }
      else complain(error);
    }
  } finally {
    busy = false;
    if (waiting) { waiting = false; answer(); }
  }
}

function show(made) {
  const large = made.some(one => one.width >= 96) || made.length <= 3;
  $("made").className = `made ${large ? "large" : ""}`;
  const there = [...$("made").children];
  if (there.length === made.length && made.every((one, i) => one.src && there[i].made?.src)) {
    made.forEach((one, i) => there[i].update(one));  // so that a slider moves pictures and not the page
  } else {
    $("made").replaceChildren(...made.map(one => figure(one)));
  }
  const first = made.find(one => one.line);
  $("code").hidden = !first;
  if (first) $("line").textContent = withImports(first.line);
}

const withImports = line => `import torch\n\nimport zoo\n\n${line}`;

function figure(made) {
  const picture = made.src ? element("img", {}) : null;
  const words = element(made.text ? "span" : "figcaption");
  const acts = element("div", { className: "acts" });
  const box = element("figure", { className: `card ${made.text ? "words" : ""}` }, ...(picture ? [picture] : []), words, acts);
  box.update = now => {
    box.made = now;
    if (picture) Object.assign(picture, { src: now.src, alt: now.caption });
    words.textContent = now.text || now.caption;
    if (now.text && now.caption) words.append(element("span", { className: "faint", textContent: `  ${now.caption}` }));
  };
  box.update(made);
  if (made.line) {
    acts.append(element("button", { type: "button", textContent: "keep", onclick: () => keep(box.made) }),
      element("button", { type: "button", textContent: "code", onclick: () => { $("code").open = true; $("line").textContent = withImports(box.made.line); } }));
  }
  for (const [name, controls] of Object.entries(made.picks)) {
    const other = model.views.find(v => v.name === name);
    for (const control of Object.keys(controls)) {
      const label = other.controls.find(c => c.name === control).label;
      acts.append(element("button", { type: "button", textContent: label.split(" ")[0],
        title: `${other.label}: ${label}`, ariaLabel: `${other.label}: ${label}`, onclick: event => {
        valuesOf(other)[control] = box.made.picks[name][control];
        event.target.setAttribute("aria-pressed", "true");
        $("status").textContent = `${other.label}: ${label} ${box.made.picks[name][control]}`;
      } }));
    }
  }
  return box;
}

function keep(made) {
  kept.push({ ...made, model: model.name });
  $("shelf").hidden = false;
  $("kept").replaceChildren(...kept.map((one, i) => element("figure", { className: `card ${one.text ? "words" : ""}` },
    ...(one.src ? [element("img", { src: one.src, alt: one.caption })] : []),
    element(one.text ? "span" : "figcaption", { textContent: one.text || `${one.model}: ${one.caption}` }),
    element("div", { className: "acts" },
      element("a", { href: one.src || `data:text/plain;charset=utf-8,${encodeURIComponent(one.text)}`, download: `${one.model.split("/").at(-1)}-${i + 1}.${one.src ? "png" : "txt"}`, textContent: "download" }),
      element("button", { type: "button", textContent: "code", onclick: () => { $("code").hidden = false; $("code").open = true; $("line").textContent = withImports(one.line); } }),
      element("button", { type: "button", textContent: "drop", onclick: () => { kept = kept.filter(other => other !== one); keepShown(); } })))));
}

function keepShown() {
  const all = kept;
  kept = [];
  $("kept").replaceChildren();
  $("shelf").hidden = !all.length;
  const now = model;
  for (const one of all) { model = { name: one.model }; keep(one); }
  model = now;
}

// ---- models -------------------------------------------------------------------------------------------------------

function chooseView(one) {
  view = one;
  complain();
  for (const button of $("views").children) button.setAttribute("aria-pressed", String(button.dataset.name === one.name));
  $("controls").replaceChildren(...one.controls.map(field), ...(one.slow ? [element("button", { type: "button",
    className: "main", textContent: "Go", onclick: answer })] : []));
  $("made").replaceChildren();
  $("code").hidden = true;
  if (one.slow) $("status").textContent = "Give a picture, then go.";
  else answer();
}

async function chooseModel(name) {
  complain();
  $("status").textContent = "The model is being loaded …";
  try {
    const found = await ask(`api/models/${name}`);
    if ($("model").value !== name) return;
    [model, said] = [found, {}];
    history.replaceState(null, "", `#${name}`);
    $("headline").textContent = `${found.variant} on ${found.data}${found.headline ? `; ${found.headline}` : ""}`;
    $("views").replaceChildren(...found.views.map(one => {
      const button = element("button", { type: "button", textContent: one.label, onclick: () => chooseView(one) });
      button.dataset.name = one.name;
      return button;
    }));
    $("card-name").textContent = found.name;
    $("limits").textContent = found.limits;
    $("usage").textContent = `import zoo\n\n${found.usage}`;
    $("text").textContent = found.card;
    $("metrics").replaceChildren(...[...new Set(found.metrics.map(m => m.protocol))].map(protocol => element("div", {},
      element("dl", {}, ...found.metrics.filter(m => m.protocol === protocol).map(m => element("div", {},
        element("dt", { textContent: m.name }), element("dd", { textContent: Number(m.value.toPrecision(4)) })))),
      element("p", { className: "faint", textContent: protocol }))));
    $("pictures").replaceChildren(...found.pictures.map(one => element("figure", {},
      element("img", { src: one.src, alt: one.word }), element("figcaption", { className: "faint", textContent: one.caption }))));
    chooseView(found.views[0]);
  } catch (error) { $("status").textContent = ""; complain(error); }
}

async function open() {
  try {
    const models = await ask("api/models");
    for (const heading of [...new Set(models.map(m => m.heading))])
      $("model").append(element("optgroup", { label: heading }, ...models.filter(m => m.heading === heading)
        .map(m => element("option", { value: m.name, textContent: m.name }))));
    const wanted = decodeURIComponent(location.hash.slice(1));
    $("model").value = models.some(m => m.name === wanted) ? wanted : models[0].name;
    $("model").onchange = () => chooseModel($("model").value);
    await chooseModel($("model").value);
  } catch (error) { complain(error); }
}

window.zoo = { asked: () => asked };  // for whoever looks from outside, such as a test
open();
