"""The two-dimensional Ising model by the Metropolis rule: energy and magnetization for each spin, and their course.

Usage: ising.py BETA SEED SIZE SWEEPS
"""

import json
import math
import random
import sys


def simulate(beta, seed, size, sweeps):
    chance = random.Random(seed)
    spins = [[1] * size for _ in range(size)]

    def field(row, column):
        return (
            spins[row - 1][column]
            + spins[(row + 1) % size][column]
            + spins[row][column - 1]
            + spins[row][(column + 1) % size]
        )

    def energy():
        both = sum(spins[r][c] * field(r, c) for r in range(size) for c in range(size))
        return -both / 2 / size**2

    trace = []
    for _ in range(sweeps):
        for row in range(size):
            for column in range(size):
                cost = 2 * spins[row][column] * field(row, column)
                if cost <= 0 or chance.random() < math.exp(-beta * cost):
                    spins[row][column] *= -1
        trace.append(energy())
    magnetization = abs(sum(map(sum, spins))) / size**2
    return {"energy": sum(trace[sweeps // 2 :]) / len(trace[sweeps // 2 :]), "magnetization": magnetization, "trace": trace}


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    beta, seed, size, sweeps = float(sys.argv[1]), *map(int, sys.argv[2:])
    json.dump(simulate(beta, seed, size, sweeps), sys.stdout)
