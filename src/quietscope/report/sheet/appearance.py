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
a { color: var(--link); } small, figcaption, caption { color: var(--soft); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
nav ul { list-style: none; display: flex; flex-wrap: wrap; gap: .3rem 1rem; padding: 0; }
.verdict { padding: .6rem .9rem; border-left: .4rem solid var(--good); background: var(--pane); }
.verdict.bad { border-color: var(--bad); }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 17rem), 1fr)); gap: 1rem; }
figure { margin: 0; } figcaption { margin-top: .25rem; }
img { display: block; width: 100%; height: auto; image-rendering: pixelated; background: #000; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: .5rem; max-width: 48rem; }
.live .pair { position: relative; display: block; max-width: 40rem; }
.live .pair figure + figure { position: absolute; inset: 0; clip-path: inset(0 0 0 var(--cut, 50%)); }
.live .pair figcaption { position: absolute; bottom: .3rem; left: .3rem; margin: 0; padding: 0 .4rem;
  background: #000c; color: #fff; } .live .pair figcaption small { color: #fff; }
.live .pair figure + figure figcaption { left: auto; right: .3rem; }
.live .pair::after { content: ""; position: absolute; top: 0; bottom: 0; left: var(--cut, 50%); width: 2px;
  margin-left: -1px; background: #ffd400; }
.tool { display: none; } .live .tool { display: block; max-width: 40rem; margin: .5rem 0; }
.tool input { width: 100%; } button { font: inherit; padding: .3rem .9rem; color: var(--ink);
  background: var(--pane); border: 1px solid var(--line); border-radius: .3rem; }
.flick { display: flex; flex-wrap: wrap; gap: .5rem; } .flick img { width: 16rem; max-width: 100%; }
.live .flick img { width: 24rem; } .live .flick img.off { display: none; }
.wide { overflow-x: auto; } table { border-collapse: collapse; margin: .5rem 0; }
caption { text-align: left; } th, td { text-align: left; vertical-align: top; padding: .2rem .7rem .2rem 0;
  border-bottom: 1px solid var(--line); } td { font-variant-numeric: tabular-nums; }
.lags td { padding: .15rem .3rem; text-align: right; font-size: .8rem; }
svg { max-width: 100%; height: auto; } svg text { fill: var(--ink); font: 12px system-ui, sans-serif; }
svg .axis { stroke: var(--line); fill: none; } svg .model { stroke: var(--model); fill: none; stroke-width: 2; }
svg .data { stroke: none; fill: var(--data); } svg .trace { stroke: var(--data); fill: none; stroke-width: 1.5; }
pre { white-space: pre-wrap; background: var(--pane); padding: .7rem; } .missing { color: var(--bad); }
@media print { :root { --ink: #000; --soft: #333; --ground: #fff; --pane: #fff; --link: #000; --bad: #8a0015;
  --good: #14532d; --model: #a8321a; --data: #1a5a9e; --line: #777; color-scheme: light; }
  body { max-width: none; padding: 0; font-size: 10pt; } nav, .tool, .live .tool { display: none; }
  .live .pair { display: grid; max-width: none; } .live .pair::after { display: none; }
  .live .pair figure + figure { position: static; clip-path: none; } .live .pair figcaption { position: static;
  background: none; color: #000; padding: 0; } .live .pair figcaption small { color: #333; }
  .live .flick img, .live .flick img.off { display: block; width: 30%; } .wide { overflow: visible; }
  figure, tr, svg, pre { break-inside: avoid; } h2, h3 { break-after: avoid; } }
"""

SCRIPT = """
document.documentElement.classList.add("live");
for (const range of document.querySelectorAll(".tool input")) {
  const pair = document.getElementById(range.dataset.pair);
  const cut = () => { pair.style.setProperty("--cut", range.value + "%");
    range.setAttribute("aria-valuetext", range.value + " % noisy"); };
  range.addEventListener("input", cut); cut();
}
const still = matchMedia("(prefers-reduced-motion: reduce)");
for (const button of document.querySelectorAll(".tool button")) {
  const images = [...document.getElementById(button.dataset.flick).querySelectorAll("img")];
  let shown = 0, runs = !still.matches;
  const show = () => { images.forEach((each, n) => each.classList.toggle("off", n !== shown)); };
  const say = () => { button.textContent = runs ? "Pause" : "Play"; };
  button.addEventListener("click", () => { runs = !runs; say(); });
  still.addEventListener("change", () => { if (still.matches) { runs = false; say(); } });
  setInterval(() => { if (runs) { shown = (shown + 1) % images.length; show(); } }, 500);
  show(); say();
}
addEventListener("beforeprint", () => { for (const each of document.querySelectorAll("details")) each.open = true; });
"""
