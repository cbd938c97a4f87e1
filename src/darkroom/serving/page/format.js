// Numbers and predictions as text.

export const percent = (p) => (p * 100).toLocaleString("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 }) + "\u00a0%";
export const bytes = (n) => (n < 1e6 ? Math.max(1, Math.round(n / 1e3)) + " kB" : (n / 1e6).toFixed(1) + " MB");

// `confident` is null where no threshold was fitted for the model: then it is never called uncertain.
export const isUncertain = (prediction) => prediction.confident === false;

// A model that gives several labels names those that the image has in `labels`, none included.
export const hasSeveral = (prediction) => Array.isArray(prediction.labels);

// The labels whose decision is uncertain, of those that are listed.
export const uncertain = (classes) => classes.filter((c) => c.uncertain).map((c) => c.class);

export const headline = (prediction) => {
  if (hasSeveral(prediction)) return prediction.labels.join(", ") || "None of the labels";
  return isUncertain(prediction) ? "Uncertain" : prediction.classes[0].class;
};

// The classes at least half as likely as the first, at most three: "cat (48.0 %) or dog (31.0 %)".
export function likeliest(classes) {
  const near = classes.filter((c) => c.probability >= classes[0].probability / 2).slice(0, 3);
  const names = near.map((c) => `${c.class} (${percent(c.probability)})`);
  const last = names.pop();
  return names.length ? `${names.join(", ")} or ${last}` : last;
}
