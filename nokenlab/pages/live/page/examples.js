// What the page shows before its model is loaded, and states worth opening.

/** The answer to the first state: the prompt's tokens as they are shown, and what the model says. */
export const EXAMPLE = {
  tokens: "People ␣say ␣that ␣red ␣is ␣a ␣color ␣that ␣is ␣often ␣associated ␣with"
    .split(" ")
    .map((shown) => ({ shown, text: shown.replace("␣", " ") })),
  answer:
    " the color of the Holy Trinity. However, the Holy Trinity is not a color. It is a concept that is not " +
    "a color. It is a concept that is not a color. It is a",
};

/**
 * The text of a link, and the entries in which its state differs from the first.
 * @type {[string, Partial<import("./state.js").State>][]}
 */
export const EXAMPLES = [
  ["the same noken, unscaled", { size: "own" }],
  ["halfway from dog to king", { prompt: "The animal is a kind of", at: 1, put: "blend" }],
  ["where white turns black", { view: "between" }],
  ["a map of dog, king and music", { view: "map", prompt: "The animal is a kind of", at: 1 }],
];
