// The playground's page: what is chosen goes to the server, which trains; its frames are drawn here.

import { $, element, ask, send, complain } from "./common.js";

const SHOWN = ["learning_rate", "critic_steps", "instance_noise", "width", "latent_dim", "discriminator_norm"];
const WORDS = { learning_rate: "learning rate", critic_steps: "D steps a G step", instance_noise: "instance noise",
  latent_dim: "latent numbers", discriminator_norm: "norm in D" };
const CURVES = [["discriminator", "Loss of the discriminator"], ["generator", "Loss of the generator"],
  ["js", "Jensen-Shannon divergence"], ["em", "Earth mover’s distance"], ["modes", "Modes covered"],
  ["pull", "Mean pull on generated points (log)"]];
const OWN_NAMES = { discriminator: "D", generator: "G" };

let choices, game, frame, source, playing = false, dirty = true, curvesDirty = true, starting = 0;

const unpack = text => new Float32Array(Uint8Array.from(atob(text), c => c.charCodeAt(0)).buffer);

// ---- choices ------------------------------------------------------------------------------------------------------

function optionField(player, option) {
  const id = `option-${player}-${option.name}`;
  const label = element("label", { htmlFor: id, textContent: WORDS[option.name] || option.name.replaceAll("_", " "),
    title: option.help });
  let input;
  if (option.choices.length || option.type === "bool") {
    const values = option.choices.length ? option.choices : ["true", "false"];
    input = element("select", {}, element("option", { value: "", textContent: String(option.default) }),
      ...values.filter(v => v !== String(option.default)).map(v => element("option", { value: v, textContent: v })));
  } else {
    input = element("input", { type: "number", step: option.type === "int" ? 1 : "any", placeholder: option.default });
    if (option.minimum !== null) input.min = option.minimum;
    if (option.maximum !== null) input.max = option.maximum;
  }
  Object.assign(input, { id, title: option.help });
  input.dataset.name = option.name;
  input.dataset.type = option.type;
  input.onchange = begin;
  return element("div", {}, label, input);
}

function fillPlayer(player, variant, config) {
  const box = $(`player-${player}`);
  const select = element("select", { id: `variant-${player}` });
  if (player) select.append(element("option", { value: "", textContent: "nothing" }));
  for (const v of choices.variants)
    select.append(element("option", { value: v.name, textContent: `${v.title} (${v.year})` }));
  select.value = variant || "";
  select.onchange = () => { fillPlayer(player, select.value, {}); begin(); };
  const head = element("label", { htmlFor: select.id, textContent: player ? "Beside it" : "Variant" });
  box.replaceChildren(element("h2", { textContent: player ? "Second" : "First", className: `name-${player}` }), head, select);
  const known = choices.variants.find(v => v.name === select.value);
  if (!known) return;
  const first = known.options.filter(o => SHOWN.includes(o.name));
  const rest = known.options.filter(o => !SHOWN.includes(o.name));
  box.append(element("div", { className: "fields" }, ...first.map(o => optionField(player, o))),
    element("details", {}, element("summary", { textContent: "all options" }),
      element("div", { className: "fields" }, ...rest.map(o => optionField(player, o)))),
    element("p", { className: "faint" }, element("a", { href: known.paper, textContent: "the paper", rel: "noreferrer" })));
  for (const input of box.querySelectorAll("[data-name]"))
    if (input.dataset.name in config) {
      input.value = String(config[input.dataset.name]);
      if (input.tagName === "SELECT" && input.selectedIndex < 0) input.value = "";  // it is the default
    }
}

function configOf(player) {
  const config = {};
  for (const input of $(`player-${player}`).querySelectorAll("[data-name]")) {
    if (input.value === "") continue;
    const type = input.dataset.type;
    config[input.dataset.name] = type === "int" || type === "float" ? Number(input.value)
      : type === "bool" ? input.value === "true" : input.value;
  }
  return config;
}

function fill(setting) {
  $("data").value = setting.data;
  $("batch").value = setting.batch_size;
  $("seed").value = setting.seed;
  $("by-hand").hidden = setting.data !== "drawn";
  if (setting.data === "drawn" && setting.drawn.length) { drawn = setting.drawn; }
  for (const player of [0, 1]) {
    const [variant, config] = setting.variants[player] || ["", {}];
    fillPlayer(player, variant, config);
  }
  paintDrawing();
}

function setting() {
  const variants = [0, 1].map(player => ({ variant: $(`variant-${player}`).value, config: configOf(player) }));
  return { variants: variants.filter(v => v.variant), data: $("data").value, batch_size: Number($("batch").value),
    seed: Number($("seed").value), drawn: $("data").value === "drawn" ? drawn : [] };
}

// ---- a game -------------------------------------------------------------------------------------------------------

async function begin() {
  const mine = ++starting;
  complain();
  if ($("data").value === "drawn" && drawn.length < 20) {
    complain(new Error("Draw some points first, then play with them."));
    return;
  }
  try {
    if (game) await ask(`api/games/${game.name}`, { method: "DELETE" });
    if (mine !== starting) return;
    const found = await send("api/games", setting());
    if (mine !== starting) { await ask(`api/games/${found.name}`, { method: "DELETE" }); return; }
    adopt(found.name, found);
    await order(playing ? "play" : "pause");
  } catch (error) { complain(error); }
}

function adopt(name, description) {
  game = { ...description, name, real: unpack(description.real), log: description.log };
  sessionStorage.setItem("game", name);
  playing = playing || description.running;
  build();
  source?.close();
  source = new EventSource(`api/games/${name}/frames`);
  source.onmessage = message => {
    frame = JSON.parse(message.data);
    if (frame.error) { complain(new Error(frame.error)); playing = false; showPlaying(); }
    frame.players.forEach(unpackPlayer);
    const last = game.log[game.log.length - 1];
    if (!last || frame.row[0].steps > last[0].steps) game.log.push(frame.row);
    if (game.log.length > 1200) game.log = game.log.filter((_, i) => i % 2 === 0);
    dirty = curvesDirty = true;
    counted++;
  };
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) complain(new Error("This game has ended: begin anew."));
  };
}

function unpackPlayer(player) {
  for (const name of ["points", "grid", "field", "at", "arrows"])
    if (name in player) player[name] = unpack(player[name]);
}

async function order(what, more = {}) {
  const [steps, rate] = $("speed").value.split(",").map(Number);
  if (what !== "step") { playing = what === "play"; showPlaying(); }
  if (!game) return;
  try { await send(`api/games/${game.name}`, { do: what, steps, rate, ...more }); }
  catch (error) { complain(error); }
}

function stepOnce(alone) {
  playing = false;
  showPlaying();
  order("step", alone ? { steps: 1, alone } : { steps: 1 });
}

function showPlaying() { $("play").textContent = playing ? "Pause" : "Play"; }

function build() {
  $("panels").replaceChildren(...game.players.map((player, i) => element("figure", { className: "card" },
    element("figcaption", {}, element("b", { className: `name-${i}`, textContent: player.variant }),
      element("span", { className: "numbers", id: `numbers-${i}` })),
    element("canvas", { id: `panel-${i}`, role: "img" }),
    element("p", { className: "faint numbers", id: `terms-${i}` }))));
  $("panels").className = `panels ${game.players.length === 1 ? "one" : ""}`;
  for (const i of game.players.keys()) $(`panel-${i}`).setAttribute("role", "img");
  const groups = [...new Set(game.players.flatMap(p => p.groups))];
  $("alone").replaceChildren(...(groups.length > 1 ? groups.map(group => element("button", { type: "button",
    textContent: `${OWN_NAMES[group] || group.replaceAll("_", " ")} alone`, title: group[0].toUpperCase(),
    onclick: () => stepOnce(group) })) : []));
  $("curves").replaceChildren(...CURVES.filter(([name]) => name !== "modes" || game.modes).map(([name, title]) =>
    element("div", { className: "card" }, element("h3", { textContent: title }),
      element("canvas", { id: `curve-${name}` }))));
  for (const canvas of document.querySelectorAll(".curves canvas")) canvas.setAttribute("role", "img");
  dirty = curvesDirty = true;
}

// ---- drawing ------------------------------------------------------------------------------------------------------

const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
let palette;
function pickPalette() {
  palette = Object.fromEntries(["real", "fake", "second", "ink", "faint", "line", "strong", "face"].map(
    name => [name, colour(`--${name}`)]));
  dirty = curvesDirty = true;
  paintDrawing();
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", pickPalette);

const rgb = hex => [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16));

function sized(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const width = Math.round(canvas.clientWidth * ratio), height = Math.round(canvas.clientHeight * ratio);
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
  return [context, canvas.clientWidth, canvas.clientHeight];
}

const shade = document.createElement("canvas");
function fieldPicture(field, side, fake) {
  shade.width = shade.height = side;
  const context = shade.getContext("2d"), image = context.createImageData(side, side);
  const sorted = Float32Array.from(field).sort();
  const low = sorted[Math.floor(.05 * sorted.length)], high = sorted[Math.floor(.95 * sorted.length)];
  const [good, bad] = [rgb(palette.real), rgb(fake)];
  for (let i = 0; i < field.length; i++) {
    const t = high > low ? Math.min(1, Math.max(-1, 2 * (field[i] - low) / (high - low) - 1)) : 0;
    const c = t > 0 ? good : bad;
    image.data.set([c[0], c[1], c[2], Math.abs(t) * 95], 4 * i);
  }
  context.putImageData(image, 0, 0);
  return shade;
}

function arrowTip(dx, dy, room) {  // as long as it is strong, up to a sixth of the picture
  const length = Math.hypot(dx, dy), shown = room / 6 * length / (length + 1);
  return length > 0 ? [dx / length * shown, dy / length * shown] : [0, 0];
}

function drawPanel(i) {
  const canvas = $(`panel-${i}`);
  if (!canvas) return;
  const [context, width, height] = sized(canvas);
  const player = frame.players[i], fake = i ? palette.second : palette.fake;
  (game.dimensions === 1 ? drawLine : drawPlane)(context, width, height, player, fake);
}

function drawPlane(context, width, height, player, fake) {
  const { centre, half } = game.window;
  const x = v => (v - centre[0] + half) / (2 * half) * width;
  const y = v => height - (v - centre[1] + half) / (2 * half) * height;
  if ($("show-field").checked && player.field) {
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    context.drawImage(fieldPicture(player.field, Math.sqrt(player.field.length), fake), 0, 0, width, height);
  }
  if ($("show-grid").checked) {
    const lines = Math.sqrt(player.grid.length / 2);
    context.strokeStyle = palette.strong;
    context.lineWidth = .8;
    context.beginPath();
    const place = (a, b) => [x(player.grid[2 * (a * lines + b)]), y(player.grid[2 * (a * lines + b) + 1])];
    for (let a = 0; a < lines; a++)
      for (const way of [b => place(a, b), b => place(b, a)])
        for (let b = 0; b < lines; b++) context[b ? "lineTo" : "moveTo"](...way(b));
    context.stroke();
  }
  const dots = (points, fill, size) => {
    context.fillStyle = fill;
    for (let j = 0; j < points.length; j += 2)
      context.fillRect(x(points[j]) - size / 2, y(points[j + 1]) - size / 2, size, size);
  };
  if ($("show-real").checked) dots(game.real, palette.real, 3);
  if ($("show-fake").checked) dots(player.points, fake, 3);
  if ($("show-arrows").checked && player.arrows) {
    context.strokeStyle = palette.ink;
    context.lineWidth = 1;
    context.globalAlpha = .7;
    context.beginPath();
    for (let j = 0; j < player.at.length; j += 2) {
      const [px, py] = [x(player.at[j]), y(player.at[j + 1])];
      const [dx, dy] = arrowTip(player.arrows[j], -player.arrows[j + 1], width);
      if (Math.hypot(dx, dy) < .7) continue;
      const [tx, ty] = [px + dx, py + dy];
      context.moveTo(px, py);
      context.lineTo(tx, ty);
      context.lineTo(tx - .3 * dx + .18 * dy, ty - .3 * dy - .18 * dx);
      context.moveTo(tx, ty);
      context.lineTo(tx - .3 * dx - .18 * dy, ty - .3 * dy + .18 * dx);
    }
    context.stroke();
    context.globalAlpha = 1;
  }
}

function drawLine(context, width, height, player, fake) {
  const { centre, half } = game.window, floor = .66 * height;
  const x = v => (v - centre[0] + half) / (2 * half) * width;
  if ($("show-field").checked && player.field) {
    const field = player.field, low = Math.min(...field), high = Math.max(...field);
    context.strokeStyle = palette.faint;
    context.lineWidth = 1.5;
    context.setLineDash([5, 4]);
    context.beginPath();
    field.forEach((v, j) => context[j ? "lineTo" : "moveTo"](j / (field.length - 1) * width,
      .06 * height + .52 * height * (high > low ? (high - v) / (high - low) : .5)));
    context.stroke();
    context.setLineDash([]);
  }
  const bars = 60;
  const histogram = (points, fill) => {
    const counts = new Float32Array(bars);
    for (const v of points) {
      const k = Math.floor((v - centre[0] + half) / (2 * half) * bars);
      if (k >= 0 && k < bars) counts[k]++;
    }
    context.fillStyle = fill;
    context.globalAlpha = .5;
    counts.forEach((c, k) => {
      const tall = Math.min(.6, 3.5 * c / points.length) * height;
      context.fillRect(k * width / bars, floor - tall, width / bars - 1, tall);
    });
    context.globalAlpha = 1;
  };
  if ($("show-real").checked) histogram(game.real, palette.real);
  if ($("show-fake").checked) histogram(player.points, fake);
  context.strokeStyle = palette.strong;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(0, floor);
  context.lineTo(width, floor);
  if ($("show-grid").checked) {  // from the latents below to what is made of them
    const bottom = height - 8;
    context.moveTo(0, bottom);
    context.lineTo(width, bottom);
    player.grid.forEach((v, j) => {
      context.moveTo((j + .5) / player.grid.length * width, bottom);
      context.lineTo(x(v), floor);
    });
  }
  context.stroke();
  if ($("show-arrows").checked && player.arrows) {
    context.strokeStyle = palette.ink;
    context.globalAlpha = .7;
    context.beginPath();
    player.at.forEach((v, j) => {
      const [dx] = arrowTip(player.arrows[j], 0, width), level = floor + 6 + (j % 8) * 5;
      if (Math.abs(dx) < .7) return;
      context.moveTo(x(v), level);
      context.lineTo(x(v) + dx, level);
      context.lineTo(x(v) + .75 * dx, level - 2);
    });
    context.stroke();
    context.globalAlpha = 1;
  }
}

function valueOf(row, name) { return name in row.loss ? row.loss[name] : row[name]; }

function drawCurve(name) {
  const canvas = $(`curve-${name}`);
  if (!canvas) return;
  const [context, width, height] = sized(canvas);
  const lines = game.players.map((_, i) => game.log.map(row => [row[i].steps, valueOf(row[i], name)])
    .filter(([, v]) => v !== undefined && (name !== "pull" || v > 0)));
  const to = name === "pull" ? Math.log10 : v => v;
  const all = lines.flat().map(([, v]) => to(v));
  const title = canvas.previousSibling.textContent;
  if (!all.length) { canvas.setAttribute("aria-label", `${title}: nothing yet`); return; }
  let low = Math.min(...all), high = Math.max(...all);
  if (name === "modes") [low, high] = [0, game.modes];
  if (name === "js") [low, high] = [0, Math.max(.1, high)];
  if (name === "em") low = 0;
  if (high - low < 1e-9) [low, high] = [low - .5, high + .5];
  const right = 44, last = Math.max(1, ...lines.flat().map(([s]) => s));
  const y = v => 6 + (height - 12) * (high - to(v)) / (high - low);
  context.font = "11px system-ui, sans-serif";
  context.textBaseline = "middle";
  context.strokeStyle = palette.line;
  context.strokeRect(.5, .5, width - right, height - 1);
  const labels = [];
  lines.forEach((line, i) => {
    if (!line.length) return;
    context.strokeStyle = i ? palette.second : palette.fake;
    context.lineWidth = 1.5;
    context.beginPath();
    line.forEach(([s, v], j) => context[j ? "lineTo" : "moveTo"](s / last * (width - right), y(v)));
    context.stroke();
    const value = line[line.length - 1][1];
    labels.push([y(value), written(value), context.strokeStyle, i]);
  });
  labels.sort((a, b) => a[0] - b[0]);
  if (labels.length === 2 && labels[1][0] - labels[0][0] < 13) {
    const middle = Math.min(height - 14, Math.max(14, (labels[0][0] + labels[1][0]) / 2));
    [labels[0][0], labels[1][0]] = [middle - 6.5, middle + 6.5];
  }
  for (const [at, text, fill] of labels) {
    context.fillStyle = fill;
    context.fillText(text, width - right + 4, Math.min(height - 7, Math.max(7, at)));
  }
  canvas.setAttribute("aria-label", `${title}: ${labels.map(l => `${game.players[l[3]].variant} ${l[1]}`).join(", ")}`);
}

const written = v => Math.abs(v) >= 1000 || (v !== 0 && Math.abs(v) < .01) ? v.toExponential(0)
  : String(Number(v.toPrecision(3)));

function drawNumbers() {
  frame.players.forEach((player, i) => {
    const words = [`${player.steps.toLocaleString("en")} steps`];
    if (game.modes) words.push(`${player.modes} of ${game.modes} modes`);
    $(`numbers-${i}`).textContent = words.join(" · ");
    $(`terms-${i}`).textContent = Object.entries(player.terms).map(
      ([name, value]) => `${name.replace("discriminator/", "D ").replace("generator/", "G ")} ${value.toFixed(3)}`).join("   ");
    $(`panel-${i}`).setAttribute("aria-label", `${game.players[i].variant} after ${words.join(", ")}; earth mover’s `
      + `distance ${player.em.toFixed(2)}`);
  });
}

let counted = 0, rested = 0;
function draw(now) {
  if (game && frame && frame.players.length === game.players.length) {
    if (dirty) {
      dirty = false;
      game.players.forEach((_, i) => drawPanel(i));
      drawNumbers();
    }
    if (curvesDirty && now - rested > 200) {
      curvesDirty = false;
      rested = now;
      CURVES.forEach(([name]) => drawCurve(name));
    }
  }
  requestAnimationFrame(draw);
}

// ---- points by hand -----------------------------------------------------------------------------------------------

let drawn = [], pen = [0, 0], down = false;

function paintDrawing() {
  const canvas = $("drawing");
  if (canvas.clientWidth === 0) return;
  const [context, width, height] = sized(canvas);
  context.fillStyle = palette.real;
  for (const [x, y] of drawn) context.fillRect((x + 2) / 4 * width - 1, (2 - y) / 4 * height - 1, 2, 2);
  context.strokeStyle = palette.strong;
  const [x, y] = [(pen[0] + 2) / 4 * width, (2 - pen[1]) / 4 * height];
  if (document.activeElement === canvas) context.strokeRect(x - 6, y - 6, 12, 12);
}

function dab() {
  for (let i = 0; i < 12 && drawn.length < 8000; i++) {
    const r = .08 * Math.sqrt(-2 * Math.log(1 - Math.random())), a = 2 * Math.PI * Math.random();
    drawn.push([pen[0] + r * Math.cos(a), pen[1] + r * Math.sin(a)].map(v => Number(v.toFixed(4))));
  }
  paintDrawing();
}

function penAt(event) {
  const box = $("drawing").getBoundingClientRect();
  pen = [(event.clientX - box.left) / box.width * 4 - 2, 2 - (event.clientY - box.top) / box.height * 4];
}

$("drawing").onpointerdown = event => { down = true; event.target.setPointerCapture(event.pointerId); penAt(event); dab(); };
$("drawing").onpointermove = event => { if (down) { penAt(event); dab(); } };
$("drawing").onpointerup = $("drawing").onpointercancel = () => { down = false; };
$("drawing").onfocus = $("drawing").onblur = paintDrawing;
$("drawing").onkeydown = event => {
  const way = { ArrowLeft: [-.1, 0], ArrowRight: [.1, 0], ArrowUp: [0, .1], ArrowDown: [0, -.1] }[event.key];
  if (way) pen = pen.map((v, i) => Math.max(-2, Math.min(2, v + way[i])));
  else if (event.key === "Enter") dab();
  else return;
  event.preventDefault();
  paintDrawing();
};
$("wipe").onclick = () => { drawn = []; paintDrawing(); };
$("take").onclick = begin;

// ---- the rest of the page -----------------------------------------------------------------------------------------

$("play").onclick = () => order(playing ? "pause" : "play");
$("step").onclick = () => stepOnce();
$("again").onclick = begin;
$("batch").onchange = $("seed").onchange = begin;
$("speed").onchange = () => { if (playing) order("play"); };
$("data").onchange = () => {
  $("by-hand").hidden = $("data").value !== "drawn";
  paintDrawing();
  if ($("data").value !== "drawn" || drawn.length >= 20) begin(); else complain();
};
for (const name of ["real", "fake", "field", "arrows", "grid"]) $(`show-${name}`).onchange = () => { dirty = true; };
$("preset").onchange = () => showPreset(choices.presets[Number($("preset").value)]);
addEventListener("resize", () => { dirty = curvesDirty = true; paintDrawing(); });
addEventListener("keydown", event => {
  if (event.target.closest("input, select, button, textarea, summary, a, [role=application]")) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const groups = [...$("alone").children];
  const act = { " ": () => $("play").click(), s: () => $("step").click() }[event.key.toLowerCase()]
    || (() => groups.find(b => b.title.toLowerCase() === event.key.toLowerCase())?.click());
  if (event.key === " ") event.preventDefault();
  act();
});

function showPreset(preset) {
  $("sentence").textContent = preset.sentence;
  fill({ data: preset.data, batch_size: preset.batch_size, seed: preset.seed, variants: preset.variants, drawn: [] });
  for (const name of ["field", "arrows", "grid"]) $(`show-${name}`).checked = preset.shows.includes(name);
  return begin();
}

async function open() {
  pickPalette();
  requestAnimationFrame(draw);
  try {
    choices = await ask("api/choices");
    $("preset").replaceChildren(...choices.presets.map((p, i) => element("option", { value: i, textContent: p.title })));
    $("data").replaceChildren(...choices.data.map(d => element("option", { value: d, textContent: d === "drawn" ? "drawn by hand" : d })));
    const kept = sessionStorage.getItem("game");
    const found = kept && await ask(`api/games/${kept}`).catch(() => null);
    if (found) {
      fill(found.setting);
      adopt(kept, found);
      showPlaying();
    } else {
      playing = !matchMedia("(prefers-reduced-motion: reduce)").matches;
      await showPreset(choices.presets[0]);
    }
  } catch (error) { complain(error); }
}

window.zoo = { frames: () => counted, log: () => game?.log };  // for whoever looks from outside, such as a test
open();
