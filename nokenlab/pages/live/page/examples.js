// What the page shows before its model is there, and states worth opening.

/** The first state as the model has it; checked by tests. */
export const EXAMPLE = {
  tokens: [
    { id: 9119, text: "People" },
    { id: 1643, text: " say" },
    { id: 338, text: " that" },
    { id: 2382, text: " red" },
    { id: 314, text: " is" },
    { id: 253, text: " a" },
    { id: 2380, text: " color" },
    { id: 338, text: " that" },
    { id: 314, text: " is" },
    { id: 1129, text: " often" },
    { id: 2188, text: " associated" },
    { id: 351, text: " with" },
  ],
  answer:
    " the color of the Holy Trinity. However, the Holy Trinity is not a color. It is a concept that is not " +
    "a color. It is a concept that is not a color. It is a",
};

/**
 * A line, and what in the state is not as at first.
 * @type {[string, Partial<import("./state.js").State>][]}
 */
export const EXAMPLES = [
  ["the same noken at its own length", { size: "own" }],
  ["halfway from dog to king", { prompt: "The animal is a kind of", at: 1, put: "blend" }],
  ["where white turns black", { view: "between" }],
  ["a map of dog, king and music", { view: "map", prompt: "The animal is a kind of", at: 1 }],
];
