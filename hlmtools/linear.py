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
from functools import cache
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
    optimum = model.fit()
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

    def rows_in(self, order: np.ndarray) -> Block:
        """The block with its rows in another order."""
        terms = tuple(replace(term, codes=term.codes[order]) for term in self.terms)
        return replace(self, terms=terms, Z=np.ascontiguousarray(self.Z[order]))

    def times(self, zeta: np.ndarray) -> np.ndarray:
        """Z zeta by row, (n,), of random effects (J, q)."""
        return np.einsum("nq,nq->n", self.Z, zeta[self.codes])

    @property
    def columns(self) -> np.ndarray:
        """Where the effects of every row stand among all J q, (n, q)."""
        return self.codes[:, None] * self.q + np.arange(self.q)

    def sparse_z(self) -> sparse.csr_matrix:
        """Z as the (n, J q) matrix of the paper (BMBW eq. 2)."""
        n, q = self.Z.shape
        starts = np.arange(0, n * q + 1, q)
        entries = np.ascontiguousarray(self.Z).ravel(), self.columns.ravel(), starts
        return sparse.csr_matrix(entries, shape=(n, len(self.levels) * q))


@dataclass(frozen=True, eq=False)
class Products:
    """Cross-products of the data; ``w`` counts the columns of W = [X y].

    The first block (most random effects) is kept by cluster, as S (J, q, q) and U (J, q, w).
    The columns ``Zr`` of all other blocks, if any, are kept together:
    B = Z1'Zr (J q, Q, sparse), D = Zr'Zr (Q, Q), Ur = Zr'W (Q, w); ``clusters`` counts theirs.
    """

    S: np.ndarray
    U: np.ndarray
    WW: np.ndarray
    B: Any = None
    D: np.ndarray | None = None
    Ur: np.ndarray | None = None
    clusters: tuple[int, ...] = ()


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
    columns, factors = zip(*(orthonormal(term.Z) for term in terms), strict=True)
    stops = np.cumsum([len(R) for R in factors])
    slices = tuple(slice(stop - len(R), stop) for stop, R in zip(stops, factors, strict=True))
    # lower triangle, column by column, as lme4 orders theta
    entries = [np.array(np.triu_indices(s.stop - s.start)) + s.start for s in slices]
    cols, rows = np.hstack(entries)
    Z = columns[0] if len(columns) == 1 else np.asfortranarray(np.hstack(columns))
    return Block(terms, Z, factors, slices, rows, cols)


def orthonormal(A: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return Q and upper-triangular R with ``A = Q R`` and ``Q'Q = n I``.

    Examples
    --------
    >>> Q, R = orthonormal(np.array([[1.0, 1990.0], [1.0, 1992.0]]))
    >>> Q.round(6).tolist(), R.round(6).tolist()
    ([[1.0, -1.0], [1.0, 1.0]], [[1.0, 1991.0], [0.0, 1.0]])
    """
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
    for r, c in np.ndindex(out.shape[1:]):
        out[:, r, c] = np.bincount(codes, A[:, r] * B[:, c], J)
    return out


def make_products(
    blocks: Sequence[Block], W: np.ndarray, weights: np.ndarray | None = None
) -> Products:
    """Compute all cross-products in one pass over the data, O(n); weights (n,) on demand."""
    first, rest = blocks[0], blocks[1:]
    WW = W if weights is None else weights[:, None] * W
    Z = first.Z if weights is None else weights[:, None] * first.Z
    J = len(first.levels)
    S = cluster_products(first.codes, J, first.Z, Z)
    products = Products(S, cluster_products(first.codes, J, first.Z, WW), W.T @ WW)
    if not rest:
        return products
    Zr = sparse.hstack([block.sparse_z() for block in rest], format="csr")
    _check_size(Zr.shape[1])
    WZr = Zr if weights is None else (sparse.diags(weights) @ Zr).tocsr()
    B = (first.sparse_z().T @ WZr).tocsr()
    clusters = tuple(len(block.levels) for block in rest)
    return replace(products, B=B, D=(Zr.T @ WZr).toarray(), Ur=WZr.T @ W, clusters=clusters)


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
    logdet = float(np.linalg.slogdet(A)[1].sum())
    PE = np.linalg.solve(A, np.concatenate([S, U], axis=2))
    P, E = PE[:, :, : S.shape[2]], PE[:, :, S.shape[2] :]
    H = products.WW - np.tensordot(U, omega @ E, axes=([0, 1], [0, 1]))
    reduced = Reduced(logdet, H, (P,), (E,))
    return reduced if products.B is None else _eliminate_rest(products, lambdas, reduced, A)


def _eliminate_rest(
    products: Products, lambdas: Sequence[np.ndarray], one: Reduced, A: np.ndarray
) -> Reduced:
    """Apply the same identities to the other blocks, with V_1 of the first in place of I.

    With ``M = I + Lambda'D Lambda`` (BMBW eq. 16), D being Zr'V1^-1 Zr, and
    ``T = Lambda M^-1 Lambda'``: V^-1 = V1^-1 - V1^-1 Zr T Zr'V1^-1.
    """
    J, q, w = products.U.shape
    E1 = one.E[0].reshape(J * q, w)
    KB = block_diagonal(np.linalg.inv(A)) @ products.B  # Z1'V1^-1 Zr, (J q, Q)
    omega = lambdas[0] @ lambdas[0].T
    OB = block_diagonal(np.broadcast_to(omega, (J, q, q))) @ products.B
    D = products.D - (OB.T @ KB).toarray()  # Zr'V1^-1 Zr, (Q, Q)
    Ur = products.Ur - OB.T @ E1  # Zr'V1^-1 W
    T, logdet = _inner(D, lambdas[1:], products.clusters)
    TU = T @ Ur
    P = [one.P[0] - diagonal_blocks(KB, T, J, q)]
    E = [(E1 - KB @ TU).reshape(J, q, w)]
    P_rest, E_rest = D - D @ T @ D, Ur - D @ TU
    start = 0
    for count, lam in zip(products.clusters, lambdas[1:], strict=True):
        rows = slice(start, start + count * len(lam))
        each = np.arange(count)
        P.append(P_rest[rows, rows].reshape(count, len(lam), count, len(lam))[each, :, each])
        E.append(E_rest[rows].reshape(count, len(lam), w))
        start = rows.stop
    H = one.H - Ur.T @ TU
    return Reduced(one.logdet + logdet, H, tuple(P), tuple(E), rest=(KB, D, T))


def _inner(
    D: np.ndarray, lambdas: Sequence[np.ndarray], counts: Sequence[int]
) -> tuple[np.ndarray, float]:
    """``T = Lambda M^-1 Lambda'`` and ``log|M|``; Lambda repeats each factor for its clusters."""
    repeated = [sparse.kron(sparse.eye(n), lam) for n, lam in zip(counts, lambdas, strict=True)]
    whole = sparse.block_diag(repeated, format="csr")
    M = np.eye(len(D)) + whole.T @ (whole.T @ D).T
    logdet = 2.0 * float(np.log(np.diagonal(np.linalg.cholesky(M))).sum())
    return whole @ (whole @ np.linalg.inv(M)).T, logdet


def diagonal_blocks(F: sparse.csr_matrix, T: np.ndarray, J: int, q: int) -> np.ndarray:
    """Diagonal (q, q) blocks of ``F T F'``, some rows at a time."""
    out = np.empty((J, q, q))
    step = max(1, 4_000_000 // (len(T) * q))
    for start in range(0, J, step):
        part = F[start * q : (start + step) * q]
        FT = part @ T
        for a, b in np.ndindex(q, q):
            sums = part[a::q].multiply(FT[b::q]).sum(axis=1)
            out[start : start + step, a, b] = np.asarray(sums).ravel()
    return out


def block_diagonal(blocks: np.ndarray) -> sparse.csr_matrix:
    """The (J q, J q) sparse matrix with the given (J, q, q) blocks."""
    J = len(blocks)
    return sparse.bsr_matrix((blocks, np.arange(J), np.arange(J + 1))).tocsr()


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


def criterion(reduced: Reduced, n: int, reml: bool) -> Criterion:
    """Deviance (-2 log-likelihood, or the REML criterion) and its gradient.

    With M = X'V^-1 X, r2 the weighted residual sum of squares at the GLS estimate and N* = n or
    n - p (BMBW eqs. 34-35, 41-42)::

        d = log|V| + [log|M|] + N* (1 + log(2 pi r2 / N*))

    and, e_j being Z_j'V^-1(y - X beta),
    ``dd/dOmega = sum_j P_j - [E_j M^-1 E_j'] - (N*/r2) e_j e_j'``; brackets under REML only.
    """
    p = len(reduced.H) - 1
    lower = np.linalg.cholesky(reduced.H)  # of W'V^-1 W: its corner is R_X', its last entry r
    inverse = np.linalg.inv(lower[:p, :p])
    M_inverse, coef = inverse.T @ inverse, inverse.T @ lower[p, :p]
    rss = float(lower[p, p] ** 2)
    size = n - p if reml else n
    deviance = reduced.logdet + size * (1.0 + np.log(2.0 * np.pi * rss / size))
    residual = np.append(-coef, 1.0)
    Q = size / rss * np.outer(residual, residual)
    if reml:
        deviance += 2.0 * np.log(np.diagonal(lower)[:p]).sum()
        Q[:p, :p] += M_inverse
    G = tuple(
        P.sum(axis=0) - np.tensordot(E @ Q, E, axes=([0, 2], [0, 2]))
        for P, E in zip(reduced.P, reduced.E, strict=True)
    )
    return Criterion(float(deviance), coef, M_inverse, rss, G)


@dataclass(frozen=True, eq=False)
class MixedModel:
    """What linear and generalized models have in common: the design, its random part, and R of
    the orthonormal fixed-effects columns (design.X = X R). Parameters begin with theta."""

    design: Design
    blocks: tuple[Block, ...]
    R: np.ndarray

    @property
    def n_theta(self) -> int:
        """Number of free entries of Lambda."""
        return sum(len(block.rows) for block in self.blocks)

    def start(self) -> np.ndarray:
        """Start at Lambda = I/2 in columns of unit size: variances a quarter of sigma2."""
        return pack([0.5 * np.eye(block.q) for block in self.blocks], self.blocks)

    def lambdas(self, x: np.ndarray) -> list[np.ndarray]:
        """Relative factors Lambda, one a block."""
        return unpack(x, self.blocks)


@dataclass(frozen=True, eq=False)
class LinearModel(MixedModel):
    """A model with its data reduced to products; the fit and all inference ask it.

    ``y_scale`` and ``beta_ols``: y = X beta_ols + y_scale * (residual of mean square 1).
    """

    products: Products
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
        beta = np.linalg.solve(R, b)
        return cls(design, blocks, R, make_products(blocks, W), beta, scale, reml)

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

    def end(self, theta: np.ndarray) -> tuple[Reduced, Criterion]:
        """Everything known at theta."""
        reduced = eliminate(self.products, self.lambdas(theta))
        return reduced, criterion(reduced, self.n, self.reml)

    def deviance_without_random(self) -> float:
        """Deviance with every random effect at zero variance, of the same fixed part."""
        return self.deviance(np.zeros(self.n_theta))[0]

    def fit(self) -> Optimum:
        """Search from the start."""
        return minimise(self.deviance, self.start(), self.blocks)

    def simulate(self, fit: LinearResult, rng: np.random.Generator) -> LinearResult:
        """Draw responses of a fit of this model, and fit the model to them."""
        y = fit.predict(random=False).to_numpy(copy=True)
        y += np.sqrt(fit.scale) * draw_random_part(self.blocks, fit._lambdas, rng)
        y += np.sqrt(fit.scale) * rng.standard_normal(self.n)
        model = LinearModel.of(replace(self.design, y=y), self.reml)
        return LinearResult(model, model.fit())

    def scale_and_beta(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Residual variance and fixed effects of the parameters of :meth:`full_deviance`."""
        log_sigma, *shift = x[self.n_theta :]
        beta = self.beta_ols + self.y_scale * np.linalg.solve(self.R, shift)
        return float(self.y_scale * np.exp(log_sigma)) ** 2, beta

    def full_deviance(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """ML deviance of theta, log sigma and beta together, nothing profiled out.

        ``log|V| + n log(2 pi sigma2) + r2(beta) / sigma2`` (BMBW eq. 30), and its gradient;
        sigma in units of ``y_scale``, beta as the shift from ``beta_ols`` in the columns of W.
        """
        k = self.n_theta
        lambdas, log_sigma, residual = self.lambdas(x[:k]), x[k], np.append(-x[k + 1 :], 1.0)
        reduced = eliminate(self.products, lambdas)
        sigma2, HR = np.exp(2.0 * log_sigma), reduced.H @ residual
        r2 = residual @ HR
        deviance = reduced.logdet + self.n * np.log(2.0 * np.pi * sigma2) + r2 / sigma2
        slopes = []
        for P, E, lam in zip(reduced.P, reduced.E, lambdas, strict=True):
            e = E @ residual
            slopes.append(2.0 * (P.sum(axis=0) - e.T @ e / sigma2) @ lam)
        others = np.append(2.0 * self.n - 2.0 * r2 / sigma2, -2.0 * HR[:-1] / sigma2)
        gradient = np.concatenate([pack(slopes, self.blocks), others])
        return float(deviance + 2.0 * self.n * np.log(self.y_scale)), gradient

    def deviance(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """Deviance and its derivative by theta: ``2 G Lambda`` in the free entries."""
        here = self.end(theta)[1]
        slopes = [2.0 * G @ lam for G, lam in zip(here.G, self.lambdas(theta), strict=True)]
        return here.deviance + self.constant, pack(slopes, self.blocks)


def draw_random_part(
    blocks: Sequence[Block], lambdas: Sequence[np.ndarray], rng: np.random.Generator
) -> np.ndarray:
    """Z Lambda u with u standard normal, (n,)."""
    drawn = [
        block.times(rng.standard_normal((len(block.levels), block.q)) @ lam.T)
        for block, lam in zip(blocks, lambdas, strict=True)
    ]
    return np.sum(drawn, axis=0)


def pack(lambdas: Sequence[np.ndarray], blocks: Sequence[Block]) -> np.ndarray:
    """Collect the free entries of every Lambda into one vector theta."""
    return np.concatenate([m[b.rows, b.cols] for m, b in zip(lambdas, blocks, strict=True)])


def unpack(theta: np.ndarray, blocks: Sequence[Block]) -> list[np.ndarray]:
    """Spread theta over one lower-triangular Lambda a block; what follows it is left alone."""
    lambdas = [np.zeros((block.q, block.q)) for block in blocks]
    stops = np.cumsum([len(block.rows) for block in blocks])
    for block, lam, values in zip(blocks, lambdas, np.split(theta, stops), strict=False):
        lam[block.rows, block.cols] = values
    return lambdas


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


def minimise(
    function: Any, start: np.ndarray, blocks: Sequence[Block], hessian: np.ndarray | None = None
) -> Optimum:
    """Minimise a deviance over theta (and whatever parameters follow it in the vector).

    The deviance depends on Lambda through Lambda Lambda' alone, so it is even in every column of
    Lambda, and its derivative by a column of zeros is zero: a search that is kept above
    ``diag(Lambda) = 0`` by a bound can stick there.
    This one goes without the bound, for below it the deviance is that of the mirror image above:

    1. L-BFGS to a few digits, then Newton's method to the last (:func:`newton`);
    2. ``diag(Lambda) >= 0`` by the Cholesky factor of Lambda Lambda', a small pivot becoming
       exactly 0 where the deviance does not object (:func:`to_boundary`);
    3. where the deviance still curves downwards (a boundary point that is none): off, and again.

    Parameters
    ----------
    function
        Gives value and gradient.
    start
        First parameters.
    blocks
        Where Lambda's free entries stand.
    hessian
        Second derivatives near a start that is near the optimum: L-BFGS is left out then.

    Examples
    --------
    With no random terms in the vector it is a plain minimiser.

    >>> bowl = lambda t: (float((t - 3) @ (t - 3)), 2 * (t - 3))
    >>> optimum = minimise(bowl, np.zeros(2), ())
    >>> optimum.theta.round(6).tolist(), optimum.converged
    ([3.0, 3.0], True)
    """
    if not len(start):
        return Optimum(start, function(start)[0], np.empty((0, 0)), 0.0, True, False)
    function = guarded(function)
    theta = start
    for _ in range(5):
        near = quasi_newton(function, theta) if hessian is None else theta
        theta = newton(function, near, hessian)
        theta = to_boundary(function, theta, blocks)
        deviance, gradient = function(theta)
        curvature = jacobian(lambda t: function(t)[1], theta, 1e-5, gradient)
        values, vectors = np.linalg.eigh(curvature)
        decrement = float(gradient @ newton_step(curvature, gradient)) / -2.0
        downwards = values[0] < -1e-4 * max(abs(values[-1]), 1.0)
        if decrement < 1e-6 and not downwards:
            break
        theta, hessian = theta + 0.1 * downwards * vectors[:, 0], None
    slope = np.abs(vectors[:, _flat(values)].T @ gradient).max(initial=0.0)
    converged = bool(decrement < 1e-6 and slope < 1e-3 and np.isfinite(deviance))
    singular = any(np.any(np.diag(lam) == 0.0) for lam in unpack(theta, blocks))
    return Optimum(theta, deviance, curvature, decrement, converged, singular)


def guarded(function: Any) -> Any:
    """Infinite where a factor cannot be computed, so that the search turns back; no point twice."""

    @cache
    def value(point: bytes) -> tuple[float, np.ndarray]:
        theta = np.frombuffer(point)
        try:
            return function(theta)
        except np.linalg.LinAlgError:
            return np.inf, np.zeros_like(theta)

    return lambda theta: value(theta.tobytes())


def quasi_newton(function: Any, start: np.ndarray) -> np.ndarray:
    """L-BFGS until the deviance moves by less than 1e-8 of itself; Newton does the rest."""
    options = {"ftol": 1e-8, "gtol": 1e-6, "maxiter": 500}
    return optimize.minimize(function, start, jac=True, method="L-BFGS-B", options=options).x


def newton(function: Any, theta: np.ndarray, hessian: np.ndarray | None = None) -> np.ndarray:
    """Newton's method until the next step would take less than 1e-12 off the deviance.

    Second derivatives are differences of the gradient, taken anew where the last step left more
    than a hundredth of the gain; a step that goes uphill is shortened.
    """
    value, gradient = function(theta)
    before = gain = np.inf
    for _ in range(30):
        if hessian is None or not gain <= before / 100.0:
            hessian = jacobian(lambda t: function(t)[1], theta, 1e-5, gradient)
        step = newton_step(hessian, gradient)
        before, gain = gain, -gradient @ step
        if gain < 1e-12:
            break
        new_value, new_gradient = function(theta + step)
        while new_value > value + 1e-9 * abs(value) and np.abs(step).max() > 1e-9:
            step = step / 4.0
            new_value, new_gradient = function(theta + step)
        theta, value, gradient = theta + step, new_value, new_gradient
    return theta


def newton_step(hessian: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """-H^-1 g, downhill where H is not positive, and zero along flat directions."""
    values, vectors = np.linalg.eigh(hessian)
    inverse = np.where(_flat(values), 0.0, 1.0 / np.where(_flat(values), 1.0, np.abs(values)))
    return -vectors @ (inverse * (vectors.T @ gradient))


def _flat(values: np.ndarray) -> np.ndarray:
    return np.abs(values) <= 1e-9 * max(np.abs(values).max(initial=0.0), 1e-6)


def jacobian(
    function: Any, x: np.ndarray, step: float = 1e-4, here: np.ndarray | None = None
) -> np.ndarray:
    """Derivative of a vector function by differences: central, or forward from a known ``here``.

    Examples
    --------
    >>> jacobian(lambda x: x**2, np.array([1.0, 3.0])).round(6).tolist()
    [[2.0, 0.0], [0.0, 6.0]]
    """
    columns = []
    for h in np.diag(step * np.maximum(1.0, np.abs(x))):
        below, width = (function(x - h), 2.0 * h.sum()) if here is None else (here, h.sum())
        columns.append((function(x + h) - below) / width)
    return np.array(columns).T


def to_boundary(function: Any, theta: np.ndarray, blocks: Sequence[Block]) -> np.ndarray:
    """Make ``diag(Lambda) >= 0``, with exact zeros where the deviance does not object."""
    zeroed = reflect(theta, blocks, tolerance=0.02)
    kept = reflect(theta, blocks, tolerance=1e-8)
    return zeroed if function(zeroed)[0] <= function(kept)[0] + 1e-7 else kept


def reflect(theta: np.ndarray, blocks: Sequence[Block], tolerance: float) -> np.ndarray:
    """Replace every Lambda by the Cholesky factor of Lambda Lambda'."""
    if not blocks:
        return theta
    roots = pack([lower_root(lam @ lam.T, tolerance) for lam in unpack(theta, blocks)], blocks)
    return np.concatenate([roots, theta[len(roots) :]])


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
