"""Logistic and Poisson mixed models by Laplace's method and adaptive Gauss-Hermite quadrature.

Given random effects ``zeta = Lambda u`` with ``u ~ N(0, I)``, the responses are independent with
linear predictor ``eta = X beta + Z Lambda u``.
The likelihood of cluster j is the integral of ``exp f_j(u)`` over u, up to a constant, with
``f_j(u) = sum_i l(y_i, eta_i) - u'u/2``; it has no closed form.

Both methods start from the conditional mode ``u_j``, found by Newton's method, and the curvature
there, ``H_j = I + Lambda'Z_j'W_j Z_j Lambda``:

- Laplace (``n_agq=1``): ``log L_j = f_j(u_j) - log|H_j| / 2``, for any random terms
  (:class:`Laplace`; Bates et al. 2015, and lme4's ``glmer`` vignette).
- Quadrature with k nodes a dimension, centred at the mode and scaled by the curvature
  (:class:`Quadrature`; Pinheiro & Bates 1995; Rabe-Hesketh, Skrondal & Pickles 2002, 2005).

Gradients are exact derivatives of these approximations, the movement of mode and nodes included.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize, sparse
from scipy.special import expit, gammaln, ndtri

from hlmtools.formula import Design, build
from hlmtools.linear import (
    Block,
    Optimum,
    Products,
    Reduced,
    cluster_products,
    eliminate,
    make_blocks,
    minimise,
    orthonormal,
    pack,
    thin,
    unpack,
    warn_about,
)
from hlmtools.results import GeneralizedResult


class QuadratureWarning(UserWarning):
    """The log-likelihood still moves when the number of quadrature nodes is doubled."""


def glmer(
    formula: str,
    data: pd.DataFrame,
    family: str = "binomial",
    n_agq: int = 1,
    weights: Any = None,
    offset: Any = None,
) -> GeneralizedResult:
    """Fit a logistic or Poisson mixed model by maximum likelihood, as ``lme4::glmer`` does.

    Parameters
    ----------
    formula
        lme4's notation, such as ``"use ~ urban + age + (1 | district)"``. For binomial counts
        write ``"successes / trials ~ ..."``, or a proportion with ``weights`` the trials.
    data
        One row a level-1 unit (or a count).
    family
        ``"binomial"`` (logit link) or ``"poisson"`` (log link).
        A two-category text response counts its second category, in the order of R's levels, as 1.
    n_agq
        Quadrature nodes a dimension; 1 is Laplace's method. More than 1 needs one grouping
        factor with one or two random effects.
    weights
        Trials: a column name or an array.
    offset
        Known part of the linear predictor: a column name or an array.

    Returns
    -------
    GeneralizedResult
        Standard errors come from the observed information of all parameters jointly.

    Raises
    ------
    ValueError
        For bad input: a response that is not binary, complete separation, ``n_agq`` below 1 or
        with too many random effects, and all that :func:`hlmtools.lmer` refuses.

    Examples
    --------
    >>> from hlmtools import load_dataset
    >>> data = load_dataset("contraception")
    >>> fit = glmer("use ~ urban + age + livch + (1 | district)", data, n_agq=25)
    >>> round(fit.llf, 4), round(float(fit.cov_re["district"].iloc[0, 0]), 4), round(fit.mor(), 3)
    (-1206.6742, 0.2155, 1.557)
    """
    if family not in FAMILIES:
        raise ValueError(f"family {family!r} must be one of {', '.join(FAMILIES)}.")
    design = build(formula, data, ratio=family == "binomial")
    design, trials = _response(design, data, family, weights)
    shift = _column_or_array(offset, data, "offset") if offset is not None else None
    model = GeneralizedModel.of(design, family, trials, shift, n_agq)
    optimum = _fit(model)
    result = GeneralizedResult(model, optimum)
    warn_about(result, optimum)
    _warn_about_nodes(model, optimum)
    return result


# ---------------------------------------------------------------- families


class Binomial:
    """Logit link: l = y eta - m log(1 + e^eta), m trials."""

    latent_variance = np.pi**2 / 3.0

    @staticmethod
    def cumulant(eta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """b = log(1 + e^eta) and its derivative, the probability."""
        e = np.exp(-np.abs(eta))
        one = 1.0 + e
        return np.log(one) + np.maximum(eta, 0.0), np.where(eta > 0, 1.0, e) / one

    @staticmethod
    def curvature(eta: np.ndarray, mu: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Second and third derivatives of b."""
        w = mu * (1.0 - mu)
        return w, w * (1.0 - 2.0 * mu)

    @staticmethod
    def constant(y: np.ndarray, m: np.ndarray) -> float:
        """The part of the log-likelihood without parameters, log C(m, y)."""
        return float(np.sum(gammaln(m + 1) - gammaln(y + 1) - gammaln(m - y + 1)))

    @staticmethod
    def first_guess(y: np.ndarray, m: np.ndarray) -> np.ndarray:
        """A linear predictor near the data."""
        p = (y + 0.5) / (m + 1.0)
        return np.log(p / (1.0 - p))

    @staticmethod
    def draw(mean: np.ndarray, m: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Random responses."""
        return rng.binomial(m.astype(int), mean).astype(float)


class Poisson:
    """Log link: l = y eta - e^eta."""

    latent_variance = np.nan

    @staticmethod
    def cumulant(eta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """b = e^eta and its derivative, the mean."""
        mu = np.exp(np.minimum(eta, 500.0))
        return mu, mu

    @staticmethod
    def curvature(eta: np.ndarray, mu: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Second and third derivatives of b."""
        return mu, mu

    @staticmethod
    def constant(y: np.ndarray, m: np.ndarray) -> float:
        """The part of the log-likelihood without parameters, -log y!."""
        return -float(np.sum(gammaln(y + 1)))

    @staticmethod
    def first_guess(y: np.ndarray, m: np.ndarray) -> np.ndarray:
        """A linear predictor near the data."""
        return np.log(y + 0.5)

    @staticmethod
    def draw(mean: np.ndarray, m: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Random responses."""
        return rng.poisson(mean).astype(float)


FAMILIES: dict[str, Any] = {"binomial": Binomial, "poisson": Poisson}


# ---------------------------------------------------------------- model


@dataclass(frozen=True, eq=False)
class GeneralizedModel:
    """Data of a generalized mixed model. Parameters: theta, then beta in the columns of ``X``.

    ``X`` holds the fixed-effects columns made orthonormal (design.X = X R); ``m`` the trials.
    """

    design: Design
    family: str
    blocks: tuple[Block, ...]
    X: np.ndarray
    R: np.ndarray
    m: np.ndarray
    offset: np.ndarray | None
    n_agq: int

    @classmethod
    def of(
        cls, design: Design, family: str, m: np.ndarray, offset: np.ndarray | None, n_agq: int
    ) -> GeneralizedModel:
        """Check what can be fitted, and prepare the columns."""
        blocks = make_blocks(design.terms)
        _check_nodes(n_agq, blocks)
        X, R = orthonormal(design.X)
        return cls(design, family, blocks, X, R, m, offset, n_agq)

    @property
    def law(self) -> Any:
        """The family's functions."""
        return FAMILIES[self.family]

    @property
    def n_theta(self) -> int:
        """Number of free entries of Lambda."""
        return sum(len(block.rows) for block in self.blocks)

    def likelihood(self, n_agq: int | None = None) -> Any:
        """The function (parameters -> deviance, gradient), with k nodes."""
        k = n_agq or self.n_agq
        return Quadrature(self, k) if len(self.blocks) == 1 else Laplace(self)

    def deviance_without_random(self) -> float:
        """Deviance of the plain generalized linear model of the same fixed part."""
        eta = self.X @ plain_fit(self) + (0.0 if self.offset is None else self.offset)
        b = self.law.cumulant(eta)[0]
        y = self.design.y
        return -2.0 * float(y @ eta - self.m @ b + self.law.constant(y, self.m))

    def simulator(self, fit: GeneralizedResult) -> Simulator:
        """A picklable function that simulates from a fit of this model and refits."""
        return Simulator(self, fit.predict(random=False, kind="linear").to_numpy(), fit._lambdas)


class Simulator:
    """Draws responses of a fit and fits the model to each."""

    def __init__(self, model: GeneralizedModel, eta: np.ndarray, lambdas: Any) -> None:
        terms = tuple(replace(term, spec=None) for term in model.design.terms)
        design = replace(model.design, x_spec=None, terms=terms)
        self.model, self.eta, self.lambdas = replace(model, design=design), eta, lambdas

    def __call__(self, rng: np.random.Generator) -> GeneralizedResult:
        eta = self.eta.copy()
        for block, lam in zip(self.model.blocks, self.lambdas, strict=True):
            u = rng.standard_normal((len(block.levels), block.q))
            eta += np.einsum("nq,nq->n", block.Z, (u @ lam.T)[block.codes])
        y = self.model.law.draw(self.model.law.cumulant(eta)[1], self.model.m, rng)
        model = replace(self.model, design=replace(self.model.design, y=y))
        return GeneralizedResult(model, _fit(model))


def _fit(model: GeneralizedModel) -> Optimum:
    """Laplace first, from the fit without random effects; then the nodes asked for."""
    start = pack([0.5 * np.eye(block.q) for block in model.blocks], model.blocks)
    x = np.concatenate([start, plain_fit(model)])
    laplace = model.likelihood(1)
    optimum = minimise(
        laplace, x, model.blocks, _first_hessian(model, laplace, x), model.n_agq == 1
    )
    if model.n_agq == 1:
        return optimum
    x = _lifted(optimum.theta, model)
    return minimise(model.likelihood(), x, model.blocks, optimum.hessian, exact_hessian=True)


def _first_hessian(model: GeneralizedModel, function: Any, x: np.ndarray) -> np.ndarray:
    """Curvature at the start: by theta measured, by beta that of the model without zeta."""
    k = model.n_theta
    hessian = np.zeros((len(x), len(x)))
    slope = function(x)[1]
    for i in range(k):
        moved = x + 0.01 * np.eye(len(x))[i]
        hessian[i, :k] = (function(moved)[1] - slope)[:k] / 0.01
    values, vectors = np.linalg.eigh((hessian[:k, :k] + hessian[:k, :k].T) / 2.0)
    size = np.maximum(np.abs(values), 0.1 * np.abs(values).max(initial=1e-3))
    hessian[:k, :k] = (vectors * size) @ vectors.T
    eta = model.X @ x[k:] + (0.0 if model.offset is None else model.offset)
    w = model.m * model.law.curvature(eta, model.law.cumulant(eta)[1])[0]
    hessian[k:, k:] = 2.0 * model.X.T @ (w[:, None] * model.X)
    return hessian


def _lifted(theta: np.ndarray, model: GeneralizedModel) -> np.ndarray:
    """Move a start off the boundary, where the derivative by theta is zero."""
    lambdas = unpack(theta, model.blocks)
    lifted = [lam + np.diag(0.05 * (np.diag(lam) == 0.0)) for lam in lambdas]
    return np.concatenate([pack(lifted, model.blocks), theta[model.n_theta :]])


def plain_fit(model: GeneralizedModel) -> np.ndarray:
    """Fit without random effects (iteratively weighted least squares), in the columns of ``X``."""
    X, y, m, law = model.X, model.design.y, model.m, model.law
    shift = 0.0 if model.offset is None else model.offset
    eta = law.first_guess(y, m)
    beta = np.zeros(X.shape[1])
    for _ in range(30):
        mu = law.cumulant(eta)[1]
        w = np.maximum(m * law.curvature(eta, mu)[0], 1e-12)
        target = eta - shift + (y - m * mu) / w
        new = np.linalg.solve(X.T @ (w[:, None] * X), X.T @ (w * target))
        moved, beta = np.abs(new - beta).max(initial=0.0), new
        eta = X @ beta + shift
        if moved < 1e-8:
            break
    spread = np.sqrt(np.diag(np.linalg.inv(X.T @ (w[:, None] * X) / len(X)))).max(initial=0.0)
    if model.family == "binomial" and (moved >= 1e-8 or spread > 1e3):
        _check_separation(model)
    return beta


# ---------------------------------------------------------------- quadrature


class Quadrature:
    """Deviance of a model with one grouping factor, by k^q nodes a cluster; k = 1 is Laplace.

    Arrays by row are sorted by cluster. J clusters, q effects, R = k^q nodes.
    """

    def __init__(self, model: GeneralizedModel, k: int) -> None:
        self.model, self.law, self.block = model, model.law, model.blocks[0]
        order = np.argsort(self.block.codes, kind="stable")
        self.codes = self.block.codes[order]
        self.J, self.q = len(self.block.levels), self.block.q
        self.starts = np.searchsorted(self.codes, np.arange(self.J))
        self.X, self.Z = model.X[order], np.ascontiguousarray(self.block.Z[order])
        self.y, self.m = model.design.y[order], model.m[order]
        self.single = bool(np.all(self.m == 1.0))
        self.offset = 0.0 if model.offset is None else model.offset[order]
        self.constant = self.law.constant(self.y, self.m)
        self.nodes, self.log_weights = gauss_hermite(k, self.q)
        self.u = np.zeros((self.J, self.q))

    def __call__(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        here = self.at(x)
        return -2.0 * (float(here.log_l.sum()) + self.constant), -2.0 * self._gradient(here)

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Sums over the members of every cluster."""
        return np.add.reduceat(values, self.starts, axis=0)

    def at(self, x: np.ndarray) -> _Nodes:
        """Everything at the nodes, for parameters x."""
        lam, beta = self._split(x)
        fixed = self.X @ beta + self.offset
        ZL = self.Z @ lam
        mode = self._mode(fixed, ZL)
        T = np.linalg.inv(np.linalg.cholesky(mode.H)).swapaxes(1, 2)  # T T' = H^-1
        ZLT = _rowwise(ZL, T, self.codes)
        b, mu = self.law.cumulant(mode.eta[:, None] + ZLT @ self.nodes.T)  # (n, R)
        u = mode.u[:, None, :] + self.nodes @ T.swapaxes(1, 2)  # (J, R, q)
        f = self.sums(self.y * mode.eta)[:, None] + self.sums(self.y[:, None] * ZLT) @ self.nodes.T
        f -= self.sums(b if self.single else self.m[:, None] * b) + 0.5 * np.sum(u**2, axis=2)
        terms = f + 0.5 * np.sum(self.nodes**2, axis=1) + self.log_weights
        top = terms.max(axis=1, keepdims=True)
        p = np.exp(terms - top)
        total = p.sum(axis=1, keepdims=True)
        logdet_T = np.log(np.diagonal(T, axis1=1, axis2=2)).sum(axis=1)
        log_l = logdet_T + top[:, 0] + np.log(total[:, 0])
        return _Nodes(log_l, p / total, u, mu, T, mode, lam)

    def _split(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        (lam,) = unpack(x[: self.model.n_theta], self.model.blocks)
        return lam, x[self.model.n_theta :]

    def _mode(self, fixed: np.ndarray, ZL: np.ndarray) -> _Mode:
        """Newton's method in all clusters at once; a step that goes downhill is halved."""
        u = self.u
        eta, mu, f = self._height(fixed, ZL, u)
        for _ in range(100):
            w, w_slope = self.law.curvature(eta, mu)
            e = self.y - self.m * mu
            slope = self.sums(ZL * e[:, None]) - u
            weighted = (self.m * w)[:, None] * ZL
            H = np.eye(self.q) + self.sums(ZL[:, :, None] * weighted[:, None, :])
            step = np.linalg.solve(H, slope[:, :, None])[:, :, 0]
            if np.abs(step).max() < 1e-10:
                self.u = u
                return _Mode(u, eta, e, self.m * w, self.m * w_slope, H)
            for _ in range(40):
                eta, mu, height = self._height(fixed, ZL, u + step)
                down = height < f - 1e-10 * (1.0 + np.abs(f))
                if not down.any():
                    break
                step[down] /= 2.0
            u, f = u + step, height
        raise np.linalg.LinAlgError("the conditional modes were not found")

    def _height(
        self, fixed: np.ndarray, ZL: np.ndarray, u: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """eta and mu by row, f_j(u) by cluster."""
        eta = fixed + np.einsum("nq,nq->n", ZL, u[self.codes])
        b, mu = self.law.cumulant(eta)
        f = self.sums(self.y * eta - self.m * b) - 0.5 * np.sum(u**2, axis=1)
        return eta, mu, f

    def _gradient(self, here: _Nodes) -> np.ndarray:
        """d log L by theta and beta.

        With p_r the normalised weight of node u_r = u + T z_r, a = sum_r p_r f'(u_r),
        C = sum_r p_r z_r f'(u_r)' and K the derivative of log L by H::

            d log L = sum_r p_r df(u_r) + a'du + tr(K dH),    H du = d f'(u)
        """
        mode, lam, T, p = here.mode, here.lam, here.T, here.p
        mean_mu = np.einsum("nr,nr->n", here.mu, p[self.codes])
        residual = self.y - self.m * mean_mu
        g = self._node_scores(here)  # Z_j'(y - mu at node), (J, R, q)
        slopes = g @ lam - here.u  # f'(u_r)
        a = np.einsum("jr,jrq->jq", p, slopes)
        C = (p[:, :, None] * slopes).swapaxes(1, 2) @ self.nodes  # (J, q of f', q of z)
        K = _curvature_weight(T, C.swapaxes(1, 2))
        zl = self.Z @ lam
        kappa = mode.w_slope * np.einsum("nq,nq->n", _rowwise(zl, K, self.codes), zl)
        h = np.linalg.solve(mode.H, (a + self.sums(zl * kappa[:, None]))[:, :, None])[:, :, 0]
        pull = kappa - mode.w * np.einsum("nq,nq->n", zl, h[self.codes])
        d_beta = self.X.T @ (residual + pull)
        S = self.sums(self.Z[:, :, None] * (mode.w[:, None] * zl)[:, None, :])  # Z'WZ Lambda
        d_lam = np.einsum("jr,jra,jrb->ab", p, g, here.u) + 2.0 * np.einsum("jab,jbc->ac", S, K)
        d_lam += self.sums(self.Z * pull[:, None]).T @ mode.u
        d_lam += self.sums(self.Z * mode.e[:, None]).T @ h
        return np.concatenate([pack([d_lam], self.model.blocks), d_beta])

    def _node_scores(self, here: _Nodes) -> np.ndarray:
        mu = here.mu if self.single else self.m[:, None] * here.mu
        columns = [self.sums(z * self.y)[:, None] - self.sums(z[:, None] * mu) for z in self.Z.T]
        return np.stack(columns, axis=2)


@dataclass(frozen=True, eq=False)
class _Mode:
    """Conditional modes u (J, q), and by row: eta, residual e, weight w, its slope; H (J, q, q)."""

    u: np.ndarray
    eta: np.ndarray
    e: np.ndarray
    w: np.ndarray
    w_slope: np.ndarray
    H: np.ndarray


@dataclass(frozen=True, eq=False)
class _Nodes:
    """log L (J,), node weights p (J, R), nodes u (J, R, q), means mu (n, R), T (J, q, q)."""

    log_l: np.ndarray
    p: np.ndarray
    u: np.ndarray
    mu: np.ndarray
    T: np.ndarray
    mode: _Mode
    lam: np.ndarray


def gauss_hermite(k: int, q: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Nodes (k^q, q) and log weights for the mean over q standard normal variables.

    Examples
    --------
    >>> nodes, log_weights = gauss_hermite(5)
    >>> round(float(np.exp(log_weights) @ nodes[:, 0] ** 4), 6)  # E z^4
    3.0
    """
    z, w = np.polynomial.hermite_e.hermegauss(k)
    log_w = np.log(w / np.sqrt(2.0 * np.pi))
    nodes = np.array(list(product(z, repeat=q)))
    return nodes, np.array([sum(pair) for pair in product(log_w, repeat=q)])


def _rowwise(ZL: np.ndarray, T: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """z_i'T_j for every row i of cluster j."""
    if T.shape[1] == 1:
        return ZL * T[codes, :, 0]
    return np.einsum("na,nab->nb", ZL, T[codes])


def _curvature_weight(T: np.ndarray, C: np.ndarray) -> np.ndarray:
    """K with d(log|T|) + tr(dT C) = tr(K dH), T = L^-T and H = L L'.

    From dL = L Phi(L^-1 dH L^-T), Phi the lower triangle with its diagonal halved.
    """
    M = np.tril(C @ T)
    M -= 0.5 * M * np.eye(M.shape[1])
    N = 0.5 * (M + M.swapaxes(1, 2))
    return -T @ (0.5 * np.eye(M.shape[1]) + N) @ T.swapaxes(1, 2)


# ---------------------------------------------------------------- Laplace, any random terms


class Laplace:
    """Deviance by Laplace's method for several grouping factors.

    Each step of the search for the mode is a weighted linear mixed model with working response
    ``t = Z zeta + (y - mu)/w``, solved by :func:`hlmtools.linear.eliminate` on weighted products.
    """

    def __init__(self, model: GeneralizedModel) -> None:
        self.model, self.law, self.blocks = model, model.law, model.blocks
        self.y, self.m = model.design.y, model.m
        self.offset = 0.0 if model.offset is None else model.offset
        self.constant = self.law.constant(self.y, self.m)
        self.first = self.blocks[0].sparse_z()
        self.rest = [block.sparse_z() for block in self.blocks[1:]]
        self.u = [np.zeros((len(block.levels), block.q)) for block in self.blocks]

    def __call__(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        lambdas = unpack(x[: self.model.n_theta], self.blocks)
        beta = x[self.model.n_theta :]
        u, eta = self._mode(self.model.X @ beta + self.offset, lambdas)
        b, mu = self.law.cumulant(eta)
        w, w_slope = (self.m * value for value in self.law.curvature(eta, mu))
        reduced = self.reduce(w, np.empty((len(w), 0)), lambdas)
        log_l = self.y @ eta - self.m @ b - 0.5 * sum(np.sum(v**2) for v in u)
        log_l += self.constant - 0.5 * reduced.logdet
        slope = self._gradient(lambdas, u, self.y - self.m * mu, w, w_slope, reduced)
        return -2.0 * float(log_l), -2.0 * slope

    def reduce(self, w: np.ndarray, t: np.ndarray, lambdas: Sequence[np.ndarray]) -> Reduced:
        """Weighted products of Z with itself and with the columns of t, random effects out."""
        first = self.blocks[0]
        wt = w[:, None] * t
        J = len(first.levels)
        S = cluster_products(first.codes, J, first.Z, w[:, None] * first.Z)
        U = cluster_products(first.codes, J, first.Z, wt)
        products = Products(S, U, t.T @ wt)
        if self.rest:
            Zr = sparse.hstack(self.rest, format="csr")
            WZr = sparse.diags(w) @ Zr
            products = replace(
                products,
                B=thin((self.first.T @ WZr).tocsr()),
                D=(Zr.T @ WZr).toarray(),
                Ur=Zr.T @ wt,
                clusters=tuple(len(block.levels) for block in self.blocks[1:]),
            )
        return eliminate(products, lambdas)

    def _mode(
        self, fixed: np.ndarray, lambdas: Sequence[np.ndarray]
    ) -> tuple[list[np.ndarray], np.ndarray]:
        """Penalised iteratively reweighted least squares with halved steps."""
        u = self.u
        random = self._random_part(lambdas, u)
        value = self._penalised(fixed + random, u)
        for _ in range(200):
            mu = self.law.cumulant(fixed + random)[1]
            w = np.maximum(self.m * self.law.curvature(fixed + random, mu)[0], 1e-10)
            t = random + (self.y - self.m * mu) / w
            E = self.reduce(w, t[:, None], lambdas).E
            step = [e[:, :, 0] @ lam - v for e, lam, v in zip(E, lambdas, u, strict=True)]
            size = max(np.abs(s).max() for s in step)
            if size < 1e-7:  # converges quadratically: after this step the error is rounding
                self.u = [v + s for v, s in zip(u, step, strict=True)]
                return self.u, fixed + self._random_part(lambdas, self.u)
            share = min(1.0, 5.0 / size)
            while share > 1e-6:
                new = [v + share * s for v, s in zip(u, step, strict=True)]
                moved = self._random_part(lambdas, new)
                new_value = self._penalised(fixed + moved, new)
                if new_value >= value - 1e-9 * abs(value):
                    break
                share /= 2.0
            u, random, value = new, moved, new_value
        raise np.linalg.LinAlgError("the conditional modes were not found")

    def _random_part(self, lambdas: Sequence[np.ndarray], u: Sequence[np.ndarray]) -> np.ndarray:
        total = np.zeros(len(self.y))
        for block, lam, v in zip(self.blocks, lambdas, u, strict=True):
            total += np.einsum("nq,nq->n", block.Z, (v @ lam.T)[block.codes])
        return total

    def _penalised(self, eta: np.ndarray, u: Sequence[np.ndarray]) -> float:
        fit = self.y @ eta - self.m @ self.law.cumulant(eta)[0]
        return float(fit - 0.5 * sum(np.sum(v**2) for v in u))

    def _gradient(
        self,
        lambdas: Sequence[np.ndarray],
        u: Sequence[np.ndarray],
        e: np.ndarray,
        w: np.ndarray,
        w_slope: np.ndarray,
        reduced: Reduced,
    ) -> np.ndarray:
        """As in :class:`Quadrature` with one node: a = 0, K = -H^-1/2."""
        kappa = -0.5 * w_slope * leverages(self.blocks, lambdas, reduced)
        E = self.reduce(w, (kappa / np.maximum(w, 1e-300))[:, None], lambdas).E
        h = [part[:, :, 0] @ lam for part, lam in zip(E, lambdas, strict=True)]
        pull = kappa - w * self._random_part(lambdas, h)
        slopes = []
        for block, lam, v, P, k in zip(self.blocks, lambdas, u, reduced.P, h, strict=True):
            J, codes = len(block.levels), block.codes
            Ze = cluster_products(codes, J, block.Z, (e + pull)[:, None])[:, :, 0]
            Z_e = cluster_products(codes, J, block.Z, e[:, None])[:, :, 0]
            slopes.append(Ze.T @ v + Z_e.T @ k - P.sum(axis=0) @ lam)
        return np.concatenate([pack(slopes, self.blocks), self.model.X.T @ (e + pull)])


def leverages(
    blocks: Sequence[Block], lambdas: Sequence[np.ndarray], reduced: Reduced
) -> np.ndarray:
    """Diagonal of ``Z G Z'`` with ``G = Lambda H^-1 Lambda' = Omega - Omega P Omega``."""
    ZO = [block.Z @ (lam @ lam.T) for block, lam in zip(blocks, lambdas, strict=True)]
    total = np.zeros(len(ZO[0]))
    for block, zo, P in zip(blocks, ZO, reduced.P, strict=True):
        total += np.einsum("nq,nq->n", block.Z, zo)
        total -= np.einsum("na,nab,nb->n", zo, P[block.codes], zo)
    if reduced.rest is None:
        return total
    KB, D, T = reduced.rest
    P_first = KB @ (np.eye(len(T)) - T @ D)  # off-diagonal part, first block with the others
    P_rest = D - D @ T @ D
    starts = np.cumsum([0, *(len(b.levels) * b.q for b in blocks[1:])])
    for k, later in enumerate(blocks[1:]):
        columns = starts[k] + later.codes[:, None] * later.q + np.arange(later.q)
        rows = blocks[0].codes[:, None] * blocks[0].q + np.arange(blocks[0].q)
        cross = P_first[rows[:, :, None], columns[:, None, :]]
        total -= 2.0 * np.einsum("na,nab,nb->n", ZO[0], cross, ZO[k + 1])
        for i, earlier in enumerate(blocks[1 : k + 1]):
            rows = starts[i] + earlier.codes[:, None] * earlier.q + np.arange(earlier.q)
            cross = P_rest[rows[:, :, None], columns[:, None, :]]
            total -= 2.0 * np.einsum("na,nab,nb->n", ZO[i + 1], cross, ZO[k + 1])
    return total


# ---------------------------------------------------------------- what students ask of a fit


def marginal_probability(eta: Any, variance: Any, n_nodes: int = 50) -> np.ndarray:
    """Average probability over a normal random effect of the given variance (logit scale).

    ``integral of expit(eta + sqrt(variance) z) phi(z) dz`` by Gauss-Hermite quadrature.

    Examples
    --------
    >>> marginal_probability([-0.580777, 0.151636], 0.215498).round(4).tolist()
    [0.3652, 0.536]
    """
    nodes, log_weights = gauss_hermite(n_nodes)
    eta, sd = np.atleast_1d(np.asarray(eta, dtype=float)), np.sqrt(np.asarray(variance))
    spread = np.multiply.outer(np.broadcast_to(sd, eta.shape), nodes[:, 0])
    return expit(eta[:, None] + spread) @ np.exp(log_weights)


def median_odds_ratio(variance: float) -> float:
    """Median odds ratio between two random clusters, ``exp(sqrt(2 variance) z_0.75)``.

    Larsen & Merlo (2005), Am. J. Epidemiology 161:81-88.

    Examples
    --------
    >>> round(median_odds_ratio(0.215498), 4)
    1.5571
    """
    return float(np.exp(np.sqrt(2.0 * variance) * ndtri(0.75)))


def posterior_means(model: GeneralizedModel, x: np.ndarray) -> np.ndarray:
    """Empirical Bayes means of the random effects (J, q), in the columns of the block."""
    if len(model.blocks) > 1:
        raise ValueError("posterior means need one grouping factor; use the modes here.")
    k = max(model.n_agq, 25 if model.blocks[0].q == 1 else 11)
    here = Quadrature(model, k).at(x) if model.blocks[0].q <= 2 else None
    if here is None:
        raise ValueError("posterior means are for one or two random effects; use the modes here.")
    return np.einsum("jr,jrq->jq", here.p, here.u) @ here.lam.T


def mode_covariances(model: GeneralizedModel, x: np.ndarray) -> list[np.ndarray]:
    """Lambda H^-1 Lambda' at the modes: (J, q, q), one a block."""
    lambdas = unpack(x[: model.n_theta], model.blocks)
    function = Laplace(model)
    _, eta = function._mode(model.X @ x[model.n_theta :] + function.offset, lambdas)
    w = model.m * model.law.curvature(eta, model.law.cumulant(eta)[1])[0]
    reduced = function.reduce(w, np.empty((len(w), 0)), lambdas)
    omegas = [lam @ lam.T for lam in lambdas]
    return [omega - omega @ P @ omega for omega, P in zip(omegas, reduced.P, strict=True)]


def modes(model: GeneralizedModel, x: np.ndarray) -> list[np.ndarray]:
    """Conditional modes zeta = Lambda u: (J, q), one a block."""
    lambdas = unpack(x[: model.n_theta], model.blocks)
    function = Laplace(model)
    u, _ = function._mode(model.X @ x[model.n_theta :] + function.offset, lambdas)
    return [v @ lam.T for v, lam in zip(u, lambdas, strict=True)]


# ---------------------------------------------------------------- responses and checks


def _response(
    design: Design, data: pd.DataFrame, family: str, weights: Any
) -> tuple[Design, np.ndarray]:
    """y as successes or counts, and the trials."""
    y, name = design.y, design.response
    m = np.ones(len(y))
    if design.denominator is not None:
        m = design.denominator
    elif weights is not None:
        m = _column_or_array(weights, data, "weights")
        y = np.round(y.astype(float) * m, 9)
    if family == "poisson":
        _check_counts(y, name)
        return replace(design, y=y.astype(float)), np.ones(len(y))
    counted = design.denominator is not None or weights is not None
    y = _check_successes(y, m, name) if counted else _binary(data, y, name)
    if np.all(y == 0) or np.all(y == m):
        raise ValueError(f"response {name!r} is the same in every row; there is nothing to fit.")
    return replace(design, y=y), m


def _binary(data: pd.DataFrame, y: np.ndarray, name: str) -> np.ndarray:
    values = data[name] if name in data.columns else pd.Series(y)
    codes, levels = pd.factorize(values, sort=True)
    if len(levels) > 2 or (y.dtype != object and not set(np.unique(y)) <= {0.0, 1.0}):
        shown = ", ".join(repr(level) for level in list(levels)[:5])
        raise ValueError(
            f"response {name!r} is not binary (it holds {shown}); code it 0/1, "
            "or write 'successes / trials' for counts."
        )
    return codes.astype(float) if y.dtype == object else y.astype(float)


def _check_successes(y: np.ndarray, m: np.ndarray, name: str) -> np.ndarray:
    whole = np.all(y == np.round(y)) and np.all(m == np.round(m))
    if not whole or np.any(m < 1) or np.any(y < 0) or np.any(y > m):
        raise ValueError(
            f"response {name!r}: successes and trials must be whole numbers with "
            "0 <= successes <= trials and trials >= 1."
        )
    return y.astype(float)


def _check_counts(y: np.ndarray, name: str) -> None:
    if y.dtype == object or np.any(y < 0) or np.any(y != np.round(y)):
        raise ValueError(f"response {name!r} must hold counts 0, 1, 2, ... for family 'poisson'.")
    if np.all(y == 0):
        raise ValueError(f"response {name!r} is 0 in every row; there is nothing to fit.")


def _column_or_array(given: Any, data: pd.DataFrame, what: str) -> np.ndarray:
    if isinstance(given, str):
        if given not in data.columns:
            raise ValueError(f"{what}: column {given!r} is not in the data.")
        given = data[given]
    values = np.asarray(given, dtype=float)
    if values.shape != (len(data),) or not np.isfinite(values).all():
        raise ValueError(f"{what} must be {len(data)} finite numbers, one a row.")
    return values


def _check_nodes(n_agq: int, blocks: Sequence[Block]) -> None:
    if n_agq != int(n_agq) or n_agq < 1:
        raise ValueError(f"n_agq is {n_agq}; it must be a whole number, 1 (Laplace) or more.")
    if n_agq > 1 and (len(blocks) > 1 or blocks[0].q > 2):
        raise ValueError(
            f"n_agq is {n_agq}, but quadrature is for one grouping factor with one or two random "
            "effects; use n_agq=1 (Laplace) for this model."
        )


def _check_separation(model: GeneralizedModel) -> None:
    """Is there b with (y - m/2) x'b >= 0 in every row, and not 0 in all? (Konis 2007)"""
    X, y, m = model.X, model.design.y, model.m
    certain = (y == 0) | (y == m)
    sign = np.where(y == 0, -1.0, 1.0)
    A = sign[certain, None] * X[certain]
    mixed = X[~certain]
    found = optimize.linprog(
        -A.sum(axis=0),
        A_ub=-A,
        b_ub=np.zeros(len(A)),
        A_eq=mixed if len(mixed) else None,
        b_eq=np.zeros(len(mixed)) if len(mixed) else None,
        bounds=(-1, 1),
    )
    if found.status == 0 and -found.fun > 1e-6 * len(X):
        direction = np.abs(np.linalg.solve(model.R, found.x) * np.std(model.design.X, axis=0))
        name = model.design.x_names[int(np.argmax(direction))]
        raise ValueError(
            f"column {name!r} separates the responses completely: its coefficient has no finite "
            "estimate; drop it, merge categories, or collect both outcomes."
        )


def _warn_about_nodes(model: GeneralizedModel, optimum: Optimum) -> None:
    if model.n_agq == 1:
        return
    deviance = model.likelihood(2 * model.n_agq)(optimum.theta)[0]
    moved = abs(deviance - optimum.deviance) / 2.0
    if moved > 1e-4:
        warnings.warn(
            f"{model.n_agq} quadrature nodes are too few: with twice as many the log-likelihood "
            f"moves by {moved:.1e}; raise n_agq.",
            QuadratureWarning,
            stacklevel=3,
        )
