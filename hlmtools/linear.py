"""Linear mixed models by profiled maximum likelihood (ML) or restricted ML (REML).

The model of cluster j is ``y_j = X_j beta + Z_j zeta_j + eps_j`` with ``zeta_j ~ N(0, Psi)`` and
``eps_j ~ N(0, sigma2 I)``.
As in Bates, Maechler, Bolker & Walker (2015, JSS 67:1; "BMBW" below) the covariance matrix is
written relative to the residual variance, ``Psi = sigma2 Omega`` with ``Omega = Lambda Lambda'``,
and ``beta`` and ``sigma2`` are profiled out, so that only ``theta``, the lower triangle of
``Lambda``, is searched.

The way of a fit, top to bottom in this file:

1. :class:`Block`, :class:`Products`: read the data once, in O(n), into per-cluster cross-products.
2. :func:`eliminate`: for one ``Omega``, turn these into ``log|V|`` and into products weighted by
   ``V^-1``, where ``V = I + Z Omega Z'``, in O(J q^3).
3. :func:`criterion`: the deviance and its gradient.
4. :func:`minimise`: quasi-Newton search, Newton polish, boundary check.

Columns of Z and X are made orthonormal first, and y is replaced by its least-squares residual:
the fit is the same, the search does not depend on units or origin, and no digits are lost.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize, sparse

from hlmtools.formula import Design, RandomTerm, build
from hlmtools.results import ConvergenceWarning, LinearResult, SingularWarning

# A dense factor of this many columns needs 3 GB; more is a model for another tool.
_LARGEST_DENSE = 20_000


def lmer(formula: str, data: pd.DataFrame, reml: bool = True) -> LinearResult:
    """Fit a linear mixed model as R's ``lme4::lmer`` does.

    Parameters
    ----------
    formula
        lme4's notation, such as ``"mAch ~ meanses*cses + (cses | school)"``;
        see :func:`hlmtools.formula.parse`.
    data
        One row a level-1 unit.
    reml
        Restricted maximum likelihood (the default) or, if False, maximum likelihood.

    Returns
    -------
    LinearResult
        Estimates, standard errors, conditional modes, intervals, predictions.
        ``.converged`` is judged by the gradient at the end, ``.singular`` by the rank of Psi.

    Raises
    ------
    ValueError
        For bad input; the message names the column or the cure.

    Notes
    -----
    On the random-slope model of the High School & Beyond data,
    ``mAch ~ cses + (cses | school)`` by REML, statsmodels 0.15 is wrong twice: the default
    ``MixedLM`` stops with ``converged=False`` at criterion 46914.99 (variances 4.39 and 15.57), and
    ``fit(method="lbfgs")`` reports ``converged=True`` at 46718.81 (11.15 and 0.933).
    The optimum, found here and by lme4, is 46714.234 (8.681 and 0.694):

    >>> from hlmtools import load_dataset
    >>> hsb = load_dataset("hsb")
    >>> fit = lmer("mAch ~ cses + (cses | school)", hsb)
    >>> round(fit.deviance, 3), fit.cov_re["school"].round(3).to_numpy().tolist(), fit.converged
    (46714.234, [[8.681, 0.047], [0.047, 0.694]], True)

    References
    ----------
    Bates, Maechler, Bolker & Walker (2015), J. Stat. Software 67:1.
    Pinheiro & Bates (2000), Mixed-Effects Models in S and S-PLUS, ch. 2.

    Examples
    --------
    Six batches of a dyestuff, five samples each: the ML estimates are 1388.33 and 2451.25.

    >>> yields = [1545, 1440, 1440, 1520, 1580, 1540, 1555, 1490, 1560, 1495,
    ...           1595, 1550, 1605, 1510, 1560, 1445, 1440, 1595, 1465, 1545,
    ...           1595, 1630, 1515, 1635, 1625, 1520, 1455, 1450, 1480, 1445]
    >>> dyestuff = pd.DataFrame({"Yield": yields, "Batch": np.repeat(list("ABCDEF"), 5)})
    >>> fit = lmer("Yield ~ 1 + (1 | Batch)", dyestuff, reml=False)
    >>> round(float(fit.cov_re["Batch"].iloc[0, 0]), 2), round(fit.scale, 2), round(fit.deviance, 4)
    (1388.33, 2451.25, 327.3271)
    """
    design = build(formula, data)
    _check_response(design)
    model = LinearModel.of(design, reml)
    optimum = minimise(model.deviance, model.start(), model.blocks)
    result = LinearResult(model, optimum)
    warn_about(result, optimum)
    return result


# ---------------------------------------------------------------- 1. data, once


@dataclass(frozen=True, eq=False)
class Block:
    """One grouping factor with all its random terms.

    ``Z`` (n, q) holds the columns of the terms, each term's made orthonormal: ``Z_k = Z R_k``.
    ``slices[k]`` are the columns of term k; ``rows, cols`` the free entries of Lambda.
    """

    terms: tuple[RandomTerm, ...]
    Z: np.ndarray
    R: tuple[np.ndarray, ...]
    slices: tuple[slice, ...]
    rows: np.ndarray
    cols: np.ndarray

    @property
    def codes(self) -> np.ndarray:
        """Cluster of every row, (n,)."""
        return self.terms[0].codes

    @property
    def levels(self) -> pd.Index:
        """The J cluster labels."""
        return self.terms[0].levels

    @property
    def q(self) -> int:
        """Number of random effects a cluster."""
        return self.Z.shape[1]

    def sparse_z(self) -> sparse.csr_matrix:
        """Z as the (n, J q) matrix of the paper (BMBW eq. 2)."""
        n, q = self.Z.shape
        columns = self.codes[:, None] * q + np.arange(q)
        shape = (n, len(self.levels) * q)
        return sparse.csr_matrix(
            (np.ascontiguousarray(self.Z).ravel(), columns.ravel(), np.arange(0, n * q + 1, q)),
            shape=shape,
        )


@dataclass(frozen=True, eq=False)
class Products:
    """Cross-products of the data; ``w`` counts the columns of W = [X y].

    The first block (most random effects) is kept by cluster, as S (J, q, q) and U (J, q, w).
    The columns ``Zr`` of all other blocks, if any, are kept together:
    B = Z1'Zr (J q, Q), D = Zr'Zr (Q, Q), Ur = Zr'W (Q, w); ``clusters`` counts those of each.
    """

    S: np.ndarray
    U: np.ndarray
    WW: np.ndarray
    B: Any = None
    D: np.ndarray | None = None
    Ur: np.ndarray | None = None
    clusters: tuple[int, ...] = ()

    def times(self, C: np.ndarray) -> Products:
        """Return the products of W C, a linear change of the columns of W."""
        Ur = None if self.Ur is None else self.Ur @ C
        return replace(self, U=self.U @ C, WW=C.T @ self.WW @ C, Ur=Ur)


def make_blocks(terms: Sequence[RandomTerm]) -> tuple[Block, ...]:
    """Collect terms by grouping factor, the one with most random effects first.

    That order (MixedModels.jl's) leaves the largest part block-diagonal.
    """
    groups: dict[str, list[RandomTerm]] = {}
    for term in terms:
        groups.setdefault(term.group, []).append(term)
    blocks = [_block(tuple(members)) for members in groups.values()]
    return tuple(sorted(blocks, key=lambda b: -len(b.levels) * b.q))


def _block(terms: tuple[RandomTerm, ...]) -> Block:
    columns, factors, slices, rows, cols = [], [], [], [], []
    start = 0
    for term in terms:
        Z, R = orthonormal(term.Z)
        q = Z.shape[1]
        columns.append(Z)
        factors.append(R)
        slices.append(slice(start, start + q))
        c, r = np.triu_indices(q)  # lower triangle, column by column, as lme4 orders theta
        rows.append(r + start)
        cols.append(c + start)
        start += q
    Z = columns[0] if len(columns) == 1 else np.asfortranarray(np.hstack(columns))
    return Block(terms, Z, tuple(factors), tuple(slices), np.hstack(rows), np.hstack(cols))


def orthonormal(A: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return Q and upper-triangular R with ``A = Q R`` and ``Q'Q = n I``.

    Examples
    --------
    >>> Q, R = orthonormal(np.array([[1.0, 1990.0], [1.0, 1992.0]]))
    >>> Q.round(6).tolist(), R.round(6).tolist()
    ([[1.0, -1.0], [1.0, 1.0]], [[1.0, 1991.0], [0.0, 1.0]])
    """
    if A.shape[1] == 0:
        return A, np.empty((0, 0))
    R = np.linalg.qr(A, mode="r") / np.sqrt(len(A))
    R *= np.sign(np.diagonal(R))[:, None]
    Q = (np.linalg.inv(R).T @ A.T).T  # columns contiguous
    return Q, R


def cluster_products(codes: np.ndarray, J: int, A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """Sum a_i b_i' over the members i of every cluster: (J, columns of A, columns of B).

    Examples
    --------
    >>> A = np.array([[1.0], [2.0], [3.0]])
    >>> cluster_products(np.array([0, 0, 1]), 2, A, A).ravel().tolist()
    [5.0, 9.0]
    """
    out = np.empty((J, A.shape[1], B.shape[1]))
    for r in range(A.shape[1]):
        for c in range(B.shape[1]):
            if A is B and c < r:
                out[:, r, c] = out[:, c, r]
            else:
                out[:, r, c] = np.bincount(codes, A[:, r] * B[:, c], J)
    return out


def make_products(blocks: Sequence[Block], W: np.ndarray) -> Products:
    """Compute all cross-products in one pass over the data, O(n)."""
    first, rest = blocks[0], blocks[1:]
    J = len(first.levels)
    S = cluster_products(first.codes, J, first.Z, first.Z)
    U = cluster_products(first.codes, J, first.Z, W)
    if not rest:
        return Products(S, U, W.T @ W)
    Zr = sparse.hstack([block.sparse_z() for block in rest], format="csr")
    _check_size(Zr.shape[1])
    B = thin((first.sparse_z().T @ Zr).tocsr())
    clusters = tuple(len(block.levels) for block in rest)
    return Products(S, U, W.T @ W, B, (Zr.T @ Zr).toarray(), Zr.T @ W, clusters)


def thin(B: sparse.csr_matrix) -> Any:
    """Keep a matrix sparse only where that pays (fewer than one entry in ten)."""
    return B if B.nnz < 0.1 * B.shape[0] * B.shape[1] else B.toarray()


# ---------------------------------------------------------------- 2. one Omega


@dataclass(frozen=True, eq=False)
class Reduced:
    """Products weighted by V^-1: log|V|, H = W'V^-1 W, and by block and cluster
    P = Z_j'V^-1 Z_j (J, q, q) and E = Z_j'V^-1 W (J, q, w). With several blocks ``rest`` keeps
    Z1'V1^-1 Zr, Zr'V1^-1 Zr and the T of :func:`inner`."""

    logdet: float
    H: np.ndarray
    P: tuple[np.ndarray, ...]
    E: tuple[np.ndarray, ...]
    rest: tuple[Any, np.ndarray, np.ndarray] | None = None


def eliminate(products: Products, lambdas: Sequence[np.ndarray]) -> Reduced:
    """Take the random effects out, first block by cluster, the others by one dense factor.

    With ``K_j = (I + S_j Omega)^-1`` (q x q, from ``V^-1 = I - Z Omega K Z'``):
    ``log|V| = sum_j log|I + S_j Omega|``, ``P_j = K_j S_j``, ``E_j = K_j U_j`` and
    ``H = W'W - sum_j U_j' Omega E_j``; BMBW eqs. 16-18, 28 in per-cluster form.
    """
    S, U = products.S, products.U
    omega = lambdas[0] @ lambdas[0].T
    A = np.eye(len(omega)) + S @ omega  # (J, q, q)
    logdet = float(np.log(determinants(A)).sum())
    PE = np.linalg.solve(A, np.concatenate([S, U], axis=2))
    P, E = PE[:, :, : S.shape[2]], PE[:, :, S.shape[2] :]
    H = products.WW - np.tensordot(U, omega @ E, axes=([0, 1], [0, 1]))
    reduced = Reduced(logdet, H, (P,), (E,))
    return reduced if products.B is None else _eliminate_rest(products, lambdas, reduced, A)


def determinants(A: np.ndarray) -> np.ndarray:
    """Determinants of many small matrices (J, q, q), written out for q = 1 and 2."""
    if A.shape[1] == 1:
        return A[:, 0, 0]
    if A.shape[1] == 2:
        return A[:, 0, 0] * A[:, 1, 1] - A[:, 0, 1] * A[:, 1, 0]
    return np.linalg.det(A)


def _eliminate_rest(
    products: Products, lambdas: Sequence[np.ndarray], one: Reduced, A: np.ndarray
) -> Reduced:
    """Apply the same identities to the other blocks, with V_1 of the first in place of I."""
    B, D, Ur = products.B, products.D, products.Ur
    assert D is not None
    assert Ur is not None
    J, q, w = products.U.shape
    omega = lambdas[0] @ lambdas[0].T
    E1 = one.E[0].reshape(J * q, w)
    KB = block_diagonal(np.linalg.inv(A)) @ B  # Z1'V1^-1 Zr, (J q, Q)
    OB = block_diagonal(np.broadcast_to(omega, (J, q, q))) @ B
    D = D - dense(OB.T @ KB)  # Zr'V1^-1 Zr, (Q, Q)
    Ur = Ur - OB.T @ E1  # Zr'V1^-1 W
    T, logdet = inner(D, lambdas[1:], products.clusters)
    TU = T @ Ur
    H = one.H - Ur.T @ TU
    P_first = one.P[0] - diagonal_blocks(KB, T, J, q)
    E_first = (E1 - KB @ TU).reshape(J, q, w)
    P_rest, E_rest = [], []
    DT, ED = D @ T, Ur - D @ TU
    start = 0
    for count, lam in zip(products.clusters, lambdas[1:], strict=True):
        rows, shape = slice(start, start + count * len(lam)), (count, len(lam))
        own = _own_blocks(D[rows, rows], *shape)
        DTD = DT[rows].reshape(*shape, -1) @ D[rows].reshape(*shape, -1).swapaxes(1, 2)
        P_rest.append(own - DTD)
        E_rest.append(ED[rows].reshape(*shape, w))
        start = rows.stop
    P, E = (P_first, *P_rest), (E_first, *E_rest)
    return Reduced(one.logdet + logdet, H, P, E, rest=(KB, D, T))


def inner(
    D: np.ndarray, lambdas: Sequence[np.ndarray], clusters: Sequence[int]
) -> tuple[np.ndarray, float]:
    """Return ``T = Lambda M^-1 Lambda'`` and ``log|M|`` of ``M = I + Lambda'D Lambda`` (eq. 16)."""
    M = _by_cluster(_by_cluster(D, lambdas, clusters).T, lambdas, clusters)
    M[np.diag_indices_from(M)] += 1.0
    logdet = 2.0 * float(np.log(np.diagonal(np.linalg.cholesky(M))).sum())
    inverse = np.linalg.inv(M)
    back = [lam.T for lam in lambdas]
    return _by_cluster(_by_cluster(inverse, back, clusters).T, back, clusters), logdet


def _by_cluster(
    M: np.ndarray, lambdas: Sequence[np.ndarray], clusters: Sequence[int]
) -> np.ndarray:
    """Multiply the rows of every cluster by Lambda' from the left."""
    out = np.empty(M.shape)
    start = 0
    for count, lam in zip(clusters, lambdas, strict=True):
        q = len(lam)
        rows = slice(start, start + count * q)
        part = M[rows].reshape(count, q, -1)
        out[rows] = (lam.T @ part).reshape(count * q, -1) if q > 1 else lam[0, 0] * M[rows]
        start = rows.stop
    return out


def diagonal_blocks(F: Any, T: np.ndarray, J: int, q: int) -> np.ndarray:
    """Diagonal (q, q) blocks of ``F T F'``, some rows at a time."""
    out = np.empty((J, q, q))
    step = max(1, 4_000_000 // (len(T) * q))
    for start in range(0, J, step):
        part = F[start * q : (start + step) * q]
        FT = part @ T
        for a in range(q):
            for b in range(q):
                out[start : start + step, a, b] = _row_sums(part[a::q], FT[b::q])
    return out


def _row_sums(F: Any, G: np.ndarray) -> np.ndarray:
    if sparse.issparse(F):
        return np.asarray(F.multiply(G).sum(axis=1)).ravel()
    return np.einsum("ij,ij->i", F, G)


def _own_blocks(D: np.ndarray, J: int, q: int) -> np.ndarray:
    return D.reshape(J, q, J, q)[np.arange(J), :, np.arange(J), :]


def block_diagonal(blocks: np.ndarray) -> sparse.csr_matrix:
    """The (J q, J q) sparse matrix with the given (J, q, q) blocks."""
    J = len(blocks)
    return sparse.bsr_matrix((blocks, np.arange(J), np.arange(J + 1))).tocsr()


def dense(A: Any) -> np.ndarray:
    """A sparse or dense matrix as an array."""
    return A.toarray() if sparse.issparse(A) else np.asarray(A)


# ---------------------------------------------------------------- 3. deviance and gradient


@dataclass(frozen=True, eq=False)
class Criterion:
    """The deviance at one Omega, with what comes with it.

    ``coef`` solves the generalised least-squares equations; ``G[b]`` is the derivative of the
    deviance with respect to Omega of block b.
    """

    deviance: float
    coef: np.ndarray
    M_inverse: np.ndarray
    rss: float
    G: tuple[np.ndarray, ...]


def criterion(reduced: Reduced, n: int, reml: bool, sigma2: float | None = None) -> Criterion:
    """Deviance (-2 log-likelihood, or the REML criterion) and its gradient.

    With M = X'V^-1 X, r2 the weighted residual sum of squares at the GLS estimate and N* = n or
    n - p (BMBW eqs. 34-35, 41-42)::

        d = log|V| + [log|M|] + N* (1 + log(2 pi r2 / N*))        sigma2 profiled out
        d = log|V| + [log|M|] + N* log(2 pi sigma2) + r2 / sigma2  sigma2 given

    and, e_j being Z_j'V^-1(y - X beta), ``dd/dOmega = sum_j P_j - [E_j M^-1 E_j'] - c e_j e_j'``
    with c = N*/r2 or 1/sigma2; brackets under REML only.
    """
    H = reduced.H
    p = len(H) - 1
    lower = np.linalg.cholesky(H)
    inverse = np.linalg.inv(lower[:p, :p])
    M_inverse = inverse.T @ inverse
    coef = inverse.T @ lower[p, :p]
    rss = float(lower[p, p] ** 2)
    size = n - p if reml else n
    deviance = reduced.logdet
    if reml:
        deviance += 2.0 * float(np.log(np.diagonal(lower)[:p]).sum())
    if sigma2 is None:
        deviance += size * (1.0 + np.log(2.0 * np.pi * rss / size))
        c = size / rss
    else:
        deviance += size * np.log(2.0 * np.pi * sigma2) + rss / sigma2
        c = 1.0 / sigma2
    residual = np.append(-coef, 1.0)
    Q = c * np.outer(residual, residual)
    if reml:
        Q[:p, :p] += M_inverse
    G = tuple(
        P.sum(axis=0) - np.tensordot(E @ Q, E, axes=([0, 2], [0, 2]))
        for P, E in zip(reduced.P, reduced.E, strict=True)
    )
    return Criterion(float(deviance), coef, M_inverse, rss, G)


@dataclass(frozen=True, eq=False)
class LinearModel:
    """A model with its data reduced to products; the fit and all inference ask it.

    ``y_scale`` and ``beta_ols``: y = X beta_ols + y_scale * (residual of mean square 1).
    """

    design: Design
    blocks: tuple[Block, ...]
    products: Products
    R: np.ndarray
    beta_ols: np.ndarray
    y_scale: float
    reml: bool

    @classmethod
    def of(cls, design: Design, reml: bool) -> LinearModel:
        """Reduce a design to cross-products."""
        X, R = orthonormal(design.X)
        b = X.T @ design.y / len(X)
        residual = design.y - X @ b
        residual -= X @ (X.T @ residual / len(X))
        scale = float(np.sqrt(np.mean(residual**2)))
        if scale <= 1e-12 * np.abs(design.y).max():
            raise ValueError(
                f"response {design.response!r} is determined exactly by the fixed part."
            )
        W = np.asfortranarray(np.column_stack([X, residual / scale]))
        blocks = make_blocks(design.terms)
        _check_identified(blocks, len(X))
        beta = _triangular(R, b)
        return cls(design, blocks, make_products(blocks, W), R, beta, scale, reml)

    @property
    def n(self) -> int:
        """Number of level-1 units."""
        return len(self.design.y)

    @property
    def p(self) -> int:
        """Number of fixed effects."""
        return len(self.R)

    @property
    def constant(self) -> float:
        """What the deviance in the scaled columns lacks of the deviance in the data's units."""
        size = self.n - self.p if self.reml else self.n
        constant = 2.0 * size * np.log(self.y_scale)
        if self.reml:
            constant += 2.0 * np.log(np.abs(np.diagonal(self.R))).sum()
        return float(constant)

    def start(self) -> np.ndarray:
        """Start at Lambda = I/2 in columns of unit size: variances a quarter of sigma2."""
        return pack([0.5 * np.eye(block.q) for block in self.blocks], self.blocks)

    def lambdas(self, theta: np.ndarray) -> list[np.ndarray]:
        """Relative factors Lambda, one a block."""
        return unpack(theta, self.blocks)

    def end(self, theta: np.ndarray) -> tuple[Reduced, Criterion]:
        """Everything known at theta."""
        reduced = eliminate(self.products, unpack(theta, self.blocks))
        return reduced, criterion(reduced, self.n, self.reml)

    def deviance_without_random(self) -> float:
        """Deviance with every random effect at zero variance, of the same fixed part."""
        theta = np.zeros(sum(len(block.rows) for block in self.blocks))
        return self.deviance(theta)[0]

    def simulator(self, fit: LinearResult) -> Simulator:
        """A picklable function that simulates from a fit of this model and refits."""
        return Simulator(self, fit.predict(random=False).to_numpy(), fit._lambdas, fit.scale)

    def deviance(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """Deviance and its derivative by theta: ``2 G Lambda`` in the free entries."""
        lambdas = unpack(theta, self.blocks)
        here = criterion(eliminate(self.products, lambdas), self.n, self.reml)
        slopes = [2.0 * G @ lam for G, lam in zip(here.G, lambdas, strict=True)]
        return here.deviance + self.constant, pack(slopes, self.blocks)


class Simulator:
    """Draws responses ``X beta + Z zeta + eps`` of a fit, and fits the model to each."""

    def __init__(self, model: LinearModel, mean: np.ndarray, lambdas: Any, scale: float) -> None:
        terms = tuple(replace(term, spec=None) for term in model.design.terms)
        self.design = replace(model.design, x_spec=None, terms=terms)
        self.reml, self.mean, self.lambdas, self.scale = model.reml, mean, lambdas, scale

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """One response vector."""
        y = self.mean + np.sqrt(self.scale) * rng.standard_normal(len(self.mean))
        for block, lam in zip(make_blocks(self.design.terms), self.lambdas, strict=True):
            u = rng.standard_normal((len(block.levels), block.q))
            y += np.sqrt(self.scale) * np.einsum("nq,nq->n", block.Z, (u @ lam.T)[block.codes])
        return y

    def __call__(self, rng: np.random.Generator) -> LinearResult:
        model = LinearModel.of(replace(self.design, y=self.draw(rng)), self.reml)
        return LinearResult(model, minimise(model.deviance, model.start(), model.blocks))


def pack(lambdas: Sequence[np.ndarray], blocks: Sequence[Block]) -> np.ndarray:
    """Collect the free entries of every Lambda into one vector theta."""
    return np.concatenate([m[b.rows, b.cols] for m, b in zip(lambdas, blocks, strict=True)])


def unpack(theta: np.ndarray, blocks: Sequence[Block]) -> list[np.ndarray]:
    """Spread theta over one lower-triangular Lambda a block."""
    lambdas = []
    start = 0
    for block in blocks:
        stop = start + len(block.rows)
        lam = np.zeros((block.q, block.q))
        lam[block.rows, block.cols] = theta[start:stop]
        lambdas.append(lam)
        start = stop
    return lambdas


def _triangular(R: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.linalg.solve(R, b) if len(R) else b


# ---------------------------------------------------------------- 4. search


@dataclass(frozen=True, eq=False)
class Optimum:
    """Where the search ended.

    ``decrement`` is what Newton's next step would still take off the deviance, g'H^-1 g / 2, and
    ``hessian`` holds the second derivatives of the deviance; both are measured, not reported by
    an optimiser, and ``converged`` is judged by them.
    """

    theta: np.ndarray
    deviance: float
    hessian: np.ndarray
    decrement: float
    converged: bool
    singular: bool
    evaluations: int


def minimise(
    function: Any,
    start: np.ndarray,
    blocks: Sequence[Block],
    hessian: np.ndarray | None = None,
    exact_hessian: bool = False,
) -> Optimum:
    """Minimise a deviance over theta (and whatever parameters follow it in the vector).

    The deviance depends on Lambda through Lambda Lambda' alone, so it is even in every column of
    Lambda and flat across ``diag(Lambda) = 0``.
    An optimiser with that bound can stick there; this one searches without it (L-BFGS), reflects
    the result into ``diag(Lambda) >= 0``, polishes it by Newton's method, sets what is zero to
    exactly zero, and leaves a boundary point again where the deviance curves downwards.

    Parameters
    ----------
    function
        Gives value and gradient.
    start
        First parameters.
    blocks
        Where Lambda's free entries stand.
    hessian
        Second derivatives known at a start near the optimum: L-BFGS is left out then.
    exact_hessian
        Take the second derivatives anew at the end (for standard errors).

    Examples
    --------
    With no random terms in the vector it is a plain minimiser.

    >>> bowl = lambda t: (float((t - 3) @ (t - 3)), 2 * (t - 3))
    >>> optimum = minimise(bowl, np.zeros(2), ())
    >>> optimum.theta.round(6).tolist(), optimum.converged
    ([3.0, 3.0], True)
    """
    search = _Search(function)
    theta = start
    curvature = hessian
    if not len(start):
        return Optimum(start, search(start)[0], np.empty((0, 0)), 0.0, True, False, 1)
    for _ in range(5):
        if curvature is None:
            theta = _reflect(search.quasi_newton(theta), blocks)
            curvature = search.hessian(theta)
        theta, curvature = search.polish(theta, curvature)
        theta, singular = _to_boundary(search, theta, blocks)
        if singular or exact_hessian:
            curvature = search.hessian(theta, step=1e-5, central=False)
        values, vectors = np.linalg.eigh(curvature)
        if values[0] > -1e-4 * max(abs(values[-1]), 1.0):
            break
        theta, curvature = theta + 0.1 * vectors[:, 0], None
    deviance, gradient = search(theta)
    known = search.hessian(theta) if curvature is None else curvature
    values, vectors = np.linalg.eigh(known)
    decrement = float(gradient @ _newton_step(known, gradient)) / -2.0
    slope = np.abs(vectors[:, _flat(values)].T @ gradient).max(initial=0.0)
    converged = bool(decrement < 1e-6 and slope < 1e-3 and np.isfinite(deviance))
    return Optimum(theta, deviance, known, decrement, converged, singular, search.count)


class _Search:
    """The steps of the search; counts the evaluations of its function."""

    def __init__(self, function: Any) -> None:
        self.function, self.count = function, 0

    def __call__(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        self.count += 1
        try:
            return self.function(theta)
        except np.linalg.LinAlgError:
            return np.inf, np.zeros_like(theta)

    def quasi_newton(self, theta: np.ndarray) -> np.ndarray:
        """L-BFGS until the deviance moves by less than 1e-8 of itself; Newton does the rest."""
        options = {"ftol": 1e-8, "gtol": 1e-6, "maxiter": 500}
        found = optimize.minimize(self, theta, jac=True, method="L-BFGS-B", options=options)
        return found.x

    def hessian(self, theta: np.ndarray, step: float = 1e-4, central: bool = True) -> np.ndarray:
        """Second derivatives by differences of the gradient."""
        return jacobian(lambda t: self(t)[1], theta, step, central)

    def polish(self, theta: np.ndarray, hessian: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Newton's method until the next step would take less than 1e-12 off the deviance.

        The second derivatives are kept up to date by the BFGS formula.
        """
        value, gradient = self(theta)
        for _ in range(30):
            step = _newton_step(hessian, gradient)
            if -gradient @ step < 1e-12:
                break
            new_value, new_gradient = self(theta + step)
            while new_value > value + 1e-9 * abs(value) and np.abs(step).max() > 1e-9:
                step = step / 4.0
                new_value, new_gradient = self(theta + step)
            hessian = _bfgs_update(hessian, step, new_gradient - gradient)
            theta, value, gradient = theta + step, new_value, new_gradient
        return theta, hessian


def _bfgs_update(hessian: np.ndarray, step: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Make H step = change, for a positive curvature along the step."""
    along = hessian @ step
    curvature, known = step @ change, step @ along
    if min(curvature, known) <= 1e-10 * np.linalg.norm(step) ** 2:
        return hessian
    return hessian + np.outer(change, change) / curvature - np.outer(along, along) / known


def jacobian(function: Any, x: np.ndarray, step: float = 1e-4, central: bool = True) -> np.ndarray:
    """Derivative of a vector function by differences, made symmetric if square.

    Examples
    --------
    >>> jacobian(lambda x: x**2, np.array([1.0, 3.0])).round(6).tolist()
    [[2.0, 0.0], [0.0, 6.0]]
    """
    columns = []
    here = None if central else function(x)
    for k in range(len(x)):
        h = np.zeros(len(x))
        h[k] = step * max(1.0, abs(x[k]))
        if central:
            columns.append((function(x + h) - function(x - h)) / (2.0 * h[k]))
        else:
            columns.append((function(x + h) - here) / h[k])
    J = np.array(columns).T
    return (J + J.T) / 2.0 if J.ndim == 2 and J.shape[0] == J.shape[1] else J


def _newton_step(hessian: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """-H^-1 g, downhill where H is not positive, and zero along flat directions."""
    values, vectors = np.linalg.eigh(hessian)
    inverse = np.where(_flat(values), 0.0, 1.0 / np.where(_flat(values), 1.0, np.abs(values)))
    return -vectors @ (inverse * (vectors.T @ gradient))


def _flat(values: np.ndarray) -> np.ndarray:
    return np.abs(values) <= 1e-9 * max(np.abs(values).max(initial=0.0), 1e-6)


def lower_root(omega: np.ndarray, tolerance: float = 1e-8) -> np.ndarray:
    """Cholesky factor of a positive semidefinite matrix; a pivot below tolerance^2 counts as 0.

    Examples
    --------
    >>> lower_root(np.array([[0.0, 0.0], [0.0, 4.0]])).tolist()
    [[0.0, 0.0], [0.0, 2.0]]
    """
    L = np.zeros_like(omega)
    for k in range(len(omega)):
        column = omega[k:, k] - L[k:, :k] @ L[k, :k]
        if column[0] > tolerance**2:
            L[k:, k] = column / np.sqrt(column[0])
    return L


def _reflect(theta: np.ndarray, blocks: Sequence[Block], tolerance: float = 1e-8) -> np.ndarray:
    """Give every Lambda a diagonal >= 0 by the Cholesky factor of Lambda Lambda'."""
    lambdas = unpack(theta, blocks)
    if not lambdas:
        return theta
    roots = [lower_root(lam @ lam.T, tolerance) for lam in lambdas]
    packed = pack(roots, blocks)
    return np.concatenate([packed, theta[len(packed) :]])


def _to_boundary(
    search: _Search, theta: np.ndarray, blocks: Sequence[Block]
) -> tuple[np.ndarray, bool]:
    """Set small diagonals of Lambda to zero where the deviance does not object."""
    zeroed = _reflect(theta, blocks, tolerance=0.02)
    if not any(np.any(np.diag(lam) == 0.0) for lam in unpack(zeroed, blocks)):
        return theta, False
    before, after = search(theta)[0], search(zeroed)[0]
    return (zeroed, True) if after <= before + 1e-7 else (theta, False)


# ---------------------------------------------------------------- checks


def warn_about(result: Any, optimum: Optimum) -> None:
    """Say once where a fit is singular or has not converged."""
    if not optimum.converged:
        warnings.warn(
            f"not converged: the deviance would still fall by {optimum.decrement:.1e}; "
            "rescale or centre predictors, or drop random terms.",
            ConvergenceWarning,
            stacklevel=3,
        )
    if optimum.singular:
        warnings.warn(
            "singular fit: a variance is estimated as 0, or a correlation as +-1; "
            "the random part is richer than the data support.",
            SingularWarning,
            stacklevel=3,
        )


def _check_response(design: Design) -> None:
    if design.y.dtype == object:
        raise ValueError(
            f"response {design.response!r} is not numeric; lmer needs numbers "
            "(for a two-category response use glmer)."
        )


def _check_identified(blocks: Sequence[Block], n: int) -> None:
    for block in blocks:
        count = len(block.levels) * block.q
        if count >= n:
            raise ValueError(
                f"{count} random effects of {block.terms[0].group!r} for {n} rows: they cannot be "
                "told from the residual; drop a random slope or use a coarser grouping factor."
            )


def _check_size(columns: int) -> None:
    if columns > _LARGEST_DENSE:
        raise ValueError(
            f"the grouping factors but the largest have {columns} random effects together; "
            f"more than {_LARGEST_DENSE} do not fit into memory here. Drop or coarsen one."
        )
