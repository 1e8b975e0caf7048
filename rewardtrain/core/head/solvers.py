"""Minima of smooth convex functions, with numpy alone."""

from collections import deque
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Function = Callable[[Floats], tuple[float, Floats]]  # the value and the gradient at a point
Solve = Callable[[Floats], Floats]  # an approximate inverse Hessian times a vector, or times each column of a matrix


def minimise(function: Function, start: Floats, solve: Solve, *, tolerance: float = 1e-8, steps: int = 200) -> Floats:
    """Finds the minimum of a strictly convex function: L-BFGS (Nocedal & Wright 2006, algorithm 7.4) with halved steps.

    solve: applies an approximate inverse Hessian, from which the steps start. Ends where a Newton step would gain less
    than `tolerance` of the value, or where the numbers are too coarse to gain anything.
    """
    point, (value, gradient) = start, function(start)
    past: deque[tuple[Floats, Floats]] = deque(maxlen=10)
    for _ in range(steps):
        direction = -_two_loops(gradient, past, solve)
        slope = float(gradient @ direction)
        if -slope <= tolerance * abs(value):
            break
        for halvings in range(20):
            moved = point + direction * 0.5**halvings
            new_value, new_gradient = function(moved)
            if new_value <= value + 1e-4 * 0.5**halvings * slope:
                break
        else:
            break
        past.append((moved - point, new_gradient - gradient))
        point, value, gradient = moved, new_value, new_gradient
    return point


def conjugate_gradients(times: Solve, target: Floats, solve: Solve, *, tolerance: float = 1e-2) -> Floats:
    """Finds x with times(x) = target, for all M columns of (D, M) targets beside each other.

    times: a positive definite matrix times each column. Preconditioned (Nocedal & Wright 2006, algorithm 5.3), to a
    relative residual of `tolerance` in every column.
    """
    x, residual = np.zeros_like(target), target
    conditioned = solve(residual)
    direction, product = conditioned, (residual * conditioned).sum(axis=0)
    for _ in range(50):
        if (np.linalg.norm(residual, axis=0) <= tolerance * np.linalg.norm(target, axis=0)).all():
            break
        bent = times(direction)
        step = product / np.maximum((direction * bent).sum(axis=0), np.finfo(np.float64).tiny)
        x, residual = x + step * direction, residual - step * bent
        conditioned = solve(residual)
        product, before = (residual * conditioned).sum(axis=0), product
        direction = conditioned + product / np.maximum(before, np.finfo(np.float64).tiny) * direction
    return x


def _two_loops(gradient: Floats, past: deque[tuple[Floats, Floats]], solve: Solve) -> Floats:
    q, shares = gradient.copy(), list[float]()
    for step, change in reversed(past):
        shares.append(float(step @ q) / float(step @ change))
        q -= shares[-1] * change
    r = solve(q)
    for (step, change), share in zip(past, reversed(shares), strict=True):
        r = r + step * (share - float(change @ r) / float(step @ change))
    return r
