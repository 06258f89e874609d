"""The stages of a round, plain functions in the order they are played: collect, propose, solve, judge, select,
build (in waves: advantage), validate, alarms, train, evaluate, gate, confirm, publish."""
