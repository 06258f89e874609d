// What the report's pages use of Vega: everything else of it is left out of the bundle where it can be.
export { View, parse } from "vega";
export { expressionInterpreter } from "vega-interpreter"; // no eval: the pages forbid it
export { compile } from "vega-lite";
