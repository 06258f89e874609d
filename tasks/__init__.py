"""The stages of a round, plain functions in the order they are played: collect, propose, solve, judge, select,
build, validate, train, evaluate, gate, publish."""
