"""How the report looks, and the little that moves in it; without scripts, and in print, all is shown side by side."""

STYLE = """
:root { color-scheme: light dark; --ink: #1d1f21; --soft: #4a4f55; --ground: #ffffff; --pane: #f3f4f6;
  --line: #6b7280; --link: #0b4fa0; --bad: #a3001b; --good: #14532d; --model: #a8321a; --data: #1a5a9e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --soft: #b9bfc6; --ground: #15171a; --pane: #22262b;
  --line: #8b939c; --link: #8ec5ff; --bad: #ff9aa5; --good: #8fdcab; --model: #ff9d83; --data: #86c0ff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.2rem; max-width: 76rem; font: 1rem/1.5 system-ui, sans-serif; color: var(--ink);
  background: var(--ground); overflow-wrap: anywhere; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .3rem; } h2 { font-size: 1.25rem; margin: 2rem 0 .5rem;
  border-bottom: 1px solid var(--line); } h3 { font-size: 1.05rem; margin: 1.2rem 0 .3rem; }
a { color: var(--link); } small, figcaption, caption, .soft { color: var(--soft); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
nav ul { list-style: none; display: flex; flex-wrap: wrap; gap: .3rem 1rem; padding: 0; }
.verdict { padding: .6rem .9rem; border-left: .4rem solid var(--line); background: var(--pane); }
.verdict.good { border-color: var(--good); } .verdict.bad { border-color: var(--bad); }
.figures { display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start; }
.figures > * { flex: 1 1 min(19rem, 100%); max-width: 28rem; min-width: 0; }
figure { margin: 0; } figcaption { margin-top: .25rem; } .seen { position: relative; }
img { display: block; width: 100%; height: auto; image-rendering: pixelated; background: #000; }
.scale { position: absolute; right: 3%; bottom: 3%; height: .35rem; background: #fff; border: 1px solid #000;
  print-color-adjust: exact; } .scale span { position: absolute; right: 0; bottom: .35rem; padding: 0 .25rem;
  font-size: .85rem; line-height: 1.3; white-space: nowrap; color: #fff; background: #000; }
.pairs { display: flex; flex-wrap: wrap; gap: 1rem; } .pairs > * { flex: 1 1 min(20rem, 100%); min-width: 0; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: .5rem; }
.live .pair { position: relative; display: block; cursor: ew-resize; touch-action: pan-y; user-select: none; }
.live .pair figure + figure { position: absolute; inset: 0; clip-path: inset(0 0 0 var(--cut, 50%)); }
.live .pair figcaption { position: absolute; top: .3rem; left: .3rem; margin: 0; padding: 0 .4rem;
  background: #000; color: #fff; } .live .pair figure + figure figcaption { left: auto; right: .3rem; }
.live .pair::after { content: ""; position: absolute; top: 0; bottom: 0; left: var(--cut, 50%); width: 2px;
  margin-left: -1px; background: #ffd400; }
.tool { display: none; } .live .tool { display: block; margin: .5rem 0; }
.tool input { width: 100%; height: 1.5rem; margin: 0; accent-color: var(--link); }
button { font: inherit; color: var(--ink); padding: .3rem .9rem; background: var(--pane);
  border: 1px solid var(--line); border-radius: .3rem; }
.flick { display: flex; flex-wrap: wrap; gap: .5rem; } .flick figure { width: 12rem; max-width: 100%; }
.live .flick figure { width: 24rem; } .live .flick .off { display: none; }
.wide { overflow-x: auto; } table { border-collapse: collapse; margin: .5rem 0 1rem; min-width: min(100%, 22rem); }
caption { text-align: left; } th, td { text-align: left; vertical-align: top; padding: .2rem .9rem .2rem 0;
  border-bottom: 1px solid var(--line); overflow-wrap: break-word; } td { font-variant-numeric: tabular-nums; }
th:last-child, td:last-child { padding-right: 0; }
th[scope=row] { min-width: 7rem; } .asked th:first-child { width: 24%; } .state { display: block; font-weight: normal; }
.state.doubt { color: var(--bad); font-weight: bold; } .state.done { color: var(--good); }
.lags table { min-width: 0; } .lags td { padding: .15rem .3rem; text-align: right; font-size: .8rem; }
svg { display: block; max-width: 100%; height: auto; } svg text { fill: var(--ink); font: 14px system-ui, sans-serif; }
svg .axis { stroke: var(--line); fill: none; } svg .model { stroke: var(--model); fill: none; stroke-width: 2; }
svg .data { stroke: none; fill: var(--data); } svg .trace { stroke: var(--data); fill: none; stroke-width: 1.5; }
blockquote { margin: .5rem 0; padding: .1rem .9rem; border-left: .2rem solid var(--line); max-width: 60rem; }
pre { white-space: pre-wrap; background: var(--pane); padding: .7rem; }
.missing { color: var(--soft); margin: .3rem 0; } p, li { max-width: 60rem; }
@media print { :root { --ink: #000; --soft: #333; --ground: #fff; --pane: #fff; --link: #000; --bad: #8a0015;
  --good: #14532d; --model: #a8321a; --data: #1a5a9e; --line: #777; color-scheme: light; }
  body { max-width: none; padding: 0; font-size: 10pt; } nav, .tool, .live .tool { display: none; }
  .pairs > * { max-width: none !important; flex: 1 1 100%; } .pairs > .beside { flex: 0 1 48%; }
  .figures > * { flex: 1 1 28%; max-width: 32%; } .figures.whole > * { flex-basis: 100%; max-width: none; }
  .columns .wide { columns: 2; } section > p { break-after: avoid; }
  .live .pair { display: grid; } .live .pair::after { display: none; }
  .live .pair figure + figure { position: static; clip-path: none; } .live .pair figcaption { position: static;
  background: none; color: #000; padding: 0; }
  .flick figure, .live .flick figure, .live .flick .off { display: block; width: 23%; } .wide { overflow: visible; }
  details::details-content { display: block; content-visibility: visible; block-size: auto; }
  figure, tr, svg { break-inside: avoid; } h2, h3 { break-after: avoid; } }
"""

SCRIPT = """
document.documentElement.classList.add("live");
for (const range of document.querySelectorAll(".tool input")) {
  const pair = document.getElementById(range.dataset.pair);
  const cut = () => { pair.style.setProperty("--cut", range.value + "%");
    range.setAttribute("aria-valuetext", range.value + " % noisy"); };
  range.addEventListener("input", cut); cut();
  const follow = event => { const box = pair.getBoundingClientRect();
    range.value = 100 * (event.clientX - box.left) / box.width; cut(); };
  pair.addEventListener("pointerdown", event => { pair.setPointerCapture(event.pointerId); follow(event); });
  pair.addEventListener("pointermove", event => { if (pair.hasPointerCapture(event.pointerId)) follow(event); });
  pair.addEventListener("dragstart", event => event.preventDefault());
}
const still = matchMedia("(prefers-reduced-motion: reduce)");
for (const button of document.querySelectorAll(".tool button")) {
  const images = [...document.getElementById(button.dataset.flick).children];
  let shown = 0, runs = !still.matches;
  const show = () => { images.forEach((each, n) => each.classList.toggle("off", n !== shown)); };
  const say = () => { button.textContent = runs ? "Pause the samples" : "Play the samples"; };
  button.addEventListener("click", () => { runs = !runs; say(); });
  still.addEventListener("change", () => { if (still.matches) { runs = false; say(); } });
  setInterval(() => { if (runs) { shown = (shown + 1) % images.length; show(); } }, 500);
  show(); say();
}
addEventListener("beforeprint", () => { for (const each of document.querySelectorAll("details")) each.open = true; });
"""
