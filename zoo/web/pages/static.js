// A page without a server: models are graphs that onnxruntime-web runs here. What a model is asked follows from the inputs
// of its graph: "normal" from a seed, as torch draws it, "label" from a choice, "source" from a picture.

import { $, element, ask, complain } from "./common.js";
import * as ort from "./ort.wasm.bundle.min.mjs";

ort.env.wasm.numThreads = 1;  // more need headers that a plain server of files does not send
ort.env.wasm.wasmPaths = { wasm: new URL("ort-wasm-simd-threaded.wasm", import.meta.url).href };

const SHOWN = 12;
const UNBOUNDED = 3;  // truncation at which there is none
let models, model, session, values, busy = false, waiting = false, asked = 0;

// ---- torch's random numbers -------------------------------------------------------------------------------------------

export function uniforms(seed, count) {  // Mersenne Twister (Matsumoto 1998), of which torch takes the lower 24 bits
  const state = new Uint32Array(624);
  state[0] = seed >>> 0;
  for (let i = 1; i < 624; i++) {
    const x = state[i - 1] ^ (state[i - 1] >>> 30);
    state[i] = (Math.imul(1812433253, x) + i) >>> 0;
  }
  const found = new Float32Array(count);
  for (let n = 0, at = 624; n < count; n++, at++) {
    if (at === 624) {
      for (let k = 0; k < 624; k++) {
        const y = (state[k] & 0x80000000) | (state[(k + 1) % 624] & 0x7fffffff);
        state[k] = state[(k + 397) % 624] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
      }
      at = 0;
    }
    let y = state[at];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    y ^= y >>> 18;
    found[n] = (y & 0xffffff) / 2 ** 24;
  }
  return found;
}

export function normals(seed, count) {  // in blocks of 16, by Box and Muller (1958)
  const found = uniforms(seed, Math.ceil(count / 16) * 16);
  for (let b = 0; b < found.length; b += 16)
    for (let i = b; i < b + 8; i++) {
      const radius = Math.sqrt(-2 * Math.log(1 - found[i])), angle = 2 * Math.PI * found[i + 8];
      [found[i], found[i + 8]] = [radius * Math.cos(angle), radius * Math.sin(angle)];
    }
  return found.subarray(0, count);
}

function erf(x) {  // by its series, which is quick to converge as far out as truncation goes
  let term = x, sum = x;
  for (let n = 1; n < 60; n++) { term *= -x * x / n; sum += term / (2 * n + 1); }
  return 2 / Math.sqrt(Math.PI) * sum;
}

function erfinv(y) {  // by Newton's steps; from 0 they never overshoot, since erf is flatter the further out
  let x = 0;
  for (let step = 1; step && Math.abs(step) > 1e-9; x += step)
    step = (y - erf(x)) * Math.sqrt(Math.PI) / 2 * Math.exp(x * x);
  return x;
}

export function truncated(seed, count, truncation) {  // normals within +-truncation, by the inverse of their distribution
  const inside = erf(truncation / Math.SQRT2);
  return uniforms(seed, count).map(u => Math.max(-truncation, Math.min(truncation, Math.SQRT2 * erfinv(inside * (2 * u - 1)))));
}

export function between(start, end, t) {  // on a great circle, as zoo.between
  const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
  const cosine = dot(start, end) / Math.sqrt(dot(start, start) * dot(end, end)), angle = Math.acos(Math.max(-1, Math.min(1, cosine)));
  const [from, to] = Math.abs(cosine) < 0.99999 ? [Math.sin((1 - t) * angle) / Math.sin(angle), Math.sin(t * angle) / Math.sin(angle)] : [1 - t, t];
  return start.map((x, i) => from * x + to * end[i]);
}

// ---- questions --------------------------------------------------------------------------------------------------------

function labelsOf() {  // lists of names: one, or one a part of a class
  if (!model.inputs.label) return [];
  if (model.facts.heads) return Object.entries(JSON.parse(model.facts.heads));
  return [["class", JSON.parse(model.facts.class_names)]];
}

function drawn(seed) {
  const count = model.inputs.normal[0];
  return values.truncation < UNBOUNDED ? truncated(seed, count, values.truncation) : Float32Array.from(normals(seed, count));
}

function latent(number) {
  const start = drawn(values.seed + number), found = values.far ? between(start, drawn(values.end + number), values.far) : start;
  model.ways.forEach((way, k) => way.forEach((x, i) => { found[i] += values.ways[k] * x; }));
  return found;
}

const many = () => model.inputs.source ? 1 : SHOWN;

function questions(number) {
  const feeds = {};
  if (model.inputs.normal)
    feeds.normal = new ort.Tensor("float32", latent(number), [1, model.inputs.normal[0]]);
  if (model.inputs.label) {
    const lists = labelsOf();
    const chosen = values.labels.map((label, k) => label === "" ? (model.inputs.source ? -1 : number % lists[k][1].length) : Number(label));
    feeds.label = new ort.Tensor("int64", BigInt64Array.from(chosen.map(BigInt)), [1, ...(model.inputs.label.length ? [chosen.length] : [])]);
  }
  if (model.inputs.source) {
    const [channels, height, width] = model.inputs.source, flat = new Float32Array(channels * height * width);
    const pixels = values.source.getContext("2d").getImageData(0, 0, width, height).data;
    for (let i = 0; i < height * width; i++) {
      const [r, g, b] = [pixels[4 * i], pixels[4 * i + 1], pixels[4 * i + 2]];
      if (channels === 1) flat[i] = Math.round(.299 * r + .587 * g + .114 * b) / 255;
      else [r, g, b].forEach((v, c) => { flat[c * height * width + i] = v / 255; });
    }
    feeds.source = new ort.Tensor("float32", flat, [1, channels, height, width]);
  }
  return feeds;
}

function picture(tensor) {
  const [, channels, height, width] = tensor.dims, canvas = element("canvas", { width, height });
  const image = new ImageData(width, height), size = height * width;
  for (let i = 0; i < size; i++)
    for (let c = 0; c < 4; c++)
      image.data[4 * i + c] = c === 3 ? 255 : Math.round(255 * tensor.data[(channels === 1 ? 0 : c) * size + i]);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas.toDataURL();
}

function sentence(tensor) {
  const words = JSON.parse(model.facts.words), found = [];
  for (const token of tensor.data) {
    if (token === 0n) break;
    found.push(words[Number(token) - 1]);
  }
  return found.join(" ");
}

async function answer() {
  if (busy) { waiting = true; return; }
  busy = true;
  try {
    const began = performance.now(), shown = [], names = labelsOf();
    for (let number = 0; number < many(); number++) {
      const made = (await session.run(questions(number)))[model.output];
      const words = names.map(([, list], k) => values.labels[k] === "" ? (model.inputs.source ? "" : list[number % list.length]) : list[values.labels[k]]);
      const caption = [...words, model.inputs.normal ? `seed ${values.seed + number}${values.far ? ` to ${values.end + number}` : ""}` : ""].filter(Boolean).join(", ");
      shown.push(model.output === "tokens" ? element("figure", { className: "card words" }, sentence(made))
        : element("figure", { className: "card" }, element("img", { src: picture(made), alt: caption || "made" }), element("figcaption", { textContent: caption || "made" })));
    }
    $("made").className = `made ${shown.length < 3 ? "large" : ""}`;
    $("made").replaceChildren(...shown);
    $("status").textContent = `${shown.length} in ${Math.round(performance.now() - began)} ms`;
    complain();
    asked++;
  } catch (error) { complain(error); }
  busy = false;
  if (waiting) { waiting = false; answer(); }
}

// ---- the form ---------------------------------------------------------------------------------------------------------

function labelled(text, input) {
  input.id = `control-${text.replace(/\W/g, "-")}`;
  return element("div", {}, element("label", { htmlFor: input.id, textContent: text }), input);
}

function form() {
  const fields = [];
  if (model.inputs.source) {
    const [, height, width] = model.inputs.source, canvas = element("canvas", { width, height, ariaLabel: "the picture that is given" });
    canvas.setAttribute("role", "img");
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.fillStyle = "#ffffff";
    context.fillRect(0, 0, width, height);
    values.source = canvas;
    const file = element("input", { type: "file", accept: "image/*", onchange: async () => {
      try {
        const image = await createImageBitmap(file.files[0]), scale = Math.max(width / image.width, height / image.height);
        context.drawImage(image, (width - scale * image.width) / 2, (height - scale * image.height) / 2, scale * image.width, scale * image.height);
        answer();
      } catch { complain(new Error("this is no picture that can be read")); }
    } });
    let last = null;
    const at = event => { const box = canvas.getBoundingClientRect(); return [(event.clientX - box.left) / box.width * width, (event.clientY - box.top) / box.height * height]; };
    canvas.onpointerdown = event => { last = at(event); canvas.setPointerCapture(event.pointerId); };
    canvas.onpointermove = event => {
      if (!last) return;
      const to = at(event);
      Object.assign(context, { strokeStyle: ink.value, lineWidth: width / 40, lineCap: "round" });
      context.beginPath();
      context.moveTo(...last);
      context.lineTo(...to);
      context.stroke();
      last = to;
    };
    canvas.onpointerup = () => { last = null; answer(); };
    const ink = element("input", { type: "color", value: "#000000" });
    fields.push(labelled("picture", file), element("div", { className: "drawing" }, canvas), labelled("pen", ink));
  }
  const number = (text, name, how) => fields.push(labelled(text, element("input", { ...how, value: values[name], oninput: event => {
    values[name] = Number(event.target.value) || 0; answer(); } })));
  if (model.inputs.normal) number(model.inputs.source ? "seed" : "first seed", "seed", { type: "number", min: 0 });
  labelsOf().forEach(([head, names], k) => {
    const first = model.inputs.source ? "as it is" : "all in turn";
    const select = element("select", { onchange: () => { values.labels[k] = select.value; answer(); } },
      element("option", { value: "", textContent: first }), ...names.map((name, i) => element("option", { value: i, textContent: name })));
    fields.push(labelled(head, select));
  });
  if (model.latent) {
    if (model.truncates) number(`truncation (${UNBOUNDED}: none)`, "truncation", { type: "range", min: .1, max: UNBOUNDED, step: .1 });
    number("to seed", "end", { type: "number", min: 0 });
    number("how far", "far", { type: "range", min: 0, max: 1, step: .01 });
  }
  model.ways.forEach((_, k) => {
    fields.push(labelled(`direction ${k + 1}`, element("input", { type: "range", min: -8, max: 8, step: .1, value: 0,
      oninput: event => { values.ways[k] = Number(event.target.value); answer(); } })));
  });
  $("controls").replaceChildren(...fields);
}

async function choose(index) {
  complain();
  $("status").textContent = "The model is being loaded …";
  $("made").replaceChildren();
  const next = models[index];
  try {
    const loaded = await ort.InferenceSession.create(next.file);
    if (Number($("model").value) !== index) return;
    [model, session] = [next, loaded];
    values = { seed: 0, truncation: UNBOUNDED, end: SHOWN, far: 0, labels: labelsOf().map(() => ""), ways: model.ways.map(() => 0) };
    $("headline").textContent = `${model.variant} on ${model.data}${model.headline ? `; ${model.headline}` : ""}`;
    $("card-name").textContent = model.name;
    $("limits").textContent = model.limits;
    $("usage").textContent = `import zoo\n\n${model.usage}`;
    form();
    answer();
  } catch (error) { $("status").textContent = ""; complain(error); }
}

async function open() {
  try {
    models = await ask("models.json");
    $("model").replaceChildren(...models.map((m, i) => element("option", { value: i, textContent: m.name })));
    $("model").onchange = () => choose(Number($("model").value));
    await choose(0);
  } catch (error) { complain(error); }
}

window.zoo = { asked: () => asked };  // for whoever looks from outside, such as a test
open();
