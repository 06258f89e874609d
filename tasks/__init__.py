"""The stages of a round, plain functions in the order they are played: collect, propose, solve, judge, select,
perhaps ask_base, build (in waves: advantage), validate, alarms, evaluate (base, champion), train, evaluate (the
candidate), gate, confirm, publish."""
