// Draws the edges between cards, and shows what leads to the card that has the focus and what follows from it.
const main = document.querySelector("main");
const svg = document.querySelector("svg");
const cards = [...main.querySelectorAll("article")];
const edges = cards.flatMap((to) =>
  (to.dataset.from ?? "")
    .split(" ")
    .filter(Boolean)
    .map((id) => ({ from: document.getElementById(id), to })),
);

function draw() {
  const origin = main.getBoundingClientRect();
  svg.replaceChildren(
    ...edges.map((edge) => {
      const [a, b] = [edge.from, edge.to].map((card) => card.getBoundingClientRect());
      const [x1, y1] = [a.right - origin.left, a.top + a.height / 2 - origin.top];
      const [x2, y2] = [b.left - origin.left, b.top + b.height / 2 - origin.top];
      const middle = (x1 + x2) / 2;
      edge.path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      edge.path.setAttribute("d", `M${x1} ${y1} C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`);
      return edge.path;
    }),
  );
}

/** Cards that are reached from one in a direction. */
function reach(card, near, far, found = new Set([card])) {
  for (const edge of edges)
    if (edge[near] === card && !found.has(edge[far]))
      reach(edge[far], near, far, found.add(edge[far]));
  return found;
}

/** Cards of the changes that an object is changed by; none where all that leads to it may do so. */
const causes = (card) => (card.dataset.causes ?? "").split(" ").filter(Boolean);

/** What leads to a card and what follows from it, without objects that something else changes. */
function related(card) {
  const [before, after] = [reach(card, "to", "from"), reach(card, "from", "to")];
  const own = causes(card).map((id) => document.getElementById(id));
  if (own.length > 0) {
    const led = own.map((change) => reach(change, "from", "to"));
    return new Set([...before].filter((one) => led.some((cards) => cards.has(one))));
  }
  const leads = (one) => causes(one).some((id) => before.has(document.getElementById(id)));
  return before.union(new Set([...after].filter((one) => causes(one).length === 0 || leads(one))));
}

function choose(card) {
  const on = card ? related(card) : new Set();
  main.classList.toggle("chosen", card !== undefined);
  for (const one of cards) one.classList.toggle("on", on.has(one));
  for (const { from, to, path } of edges) path.classList.toggle("on", on.has(from) && on.has(to));
}

for (const card of cards) {
  card.addEventListener("focus", () => choose(card));
  card.addEventListener("blur", () => choose(undefined));
  card.addEventListener("mouseenter", () => choose(card));
  card.addEventListener("mouseleave", () => choose(undefined));
}
main.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const at = cards.indexOf(document.activeElement);
  if (step === undefined || at < 0) return;
  event.preventDefault();
  cards[at + step]?.focus();
});
// Steps and fields open and close.
new ResizeObserver(draw).observe(main);
draw();
