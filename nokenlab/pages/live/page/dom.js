// Elements of the page.

export { arrowKeys, debounced, make, oncePerFrame, say } from "./faces/elements.js";

/** The element of the page with an id. @param {string} id @returns {any} */
export const part = (id) => document.getElementById(id);
