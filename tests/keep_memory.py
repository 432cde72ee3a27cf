"""Load and delete ten labs, plain and fast, then answer 20,000 nokens: the memory after each.

`python tests/keep_memory.py` takes some minutes with the default model, and prints a table.
"""

import argparse

from helpers.held_memory import after_each_batch, after_each_lab

import nokenlab as nl


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--labs", type=int, default=10, metavar="N", help="(10)")
    parser.add_argument("--rows", type=int, default=20_000, metavar="N", help="(20000)")
    args = parser.parse_args()
    print("| what | MB held: first | last | most | in use: first | last | last / first |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, fast in (("plain", False), ("fast", True)):
        row(f"{args.labs} labs, {name}", after_each_lab(lambda fast=fast: nl.load(fast=fast), args.labs, 32))
    row(f"{args.rows} rows", after_each_batch(nl.load(), args.rows, 1000))


def row(name: str, readings) -> None:
    (first, used), (last, left) = readings.iloc[0], readings.iloc[-1]
    most = readings["held"].max()
    numbers = " | ".join(f"{number:.0f}" for number in (first, last, most, used, left))
    print(f"| {name} | {numbers} | {left / used:.3f} |", flush=True)


if __name__ == "__main__":
    main()
