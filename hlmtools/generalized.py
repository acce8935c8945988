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
from scipy import optimize
from scipy.special import expit, gammaln, ndtri

from hlmtools.formula import Design, build
from hlmtools.linear import (
    Block,
    MixedModel,
    Optimum,
    Reduced,
    cluster_products,
    draw_random_part,
    eliminate,
    guarded,
    jacobian,
    make_blocks,
    make_products,
    minimise,
    orthonormal,
    pack,
    quasi_newton,
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
    known = 0.0 if offset is None else offset
    shift = _column_or_array(known, data, "offset")
    model = GeneralizedModel.of(design, family, trials, shift, n_agq)
    _check_clusters(model)
    optimum = model.fit()
    result = GeneralizedResult(model, optimum)
    warn_about(result, optimum)
    _warn_about_nodes(model, optimum)
    return result


# ---------------------------------------------------------------- families


class Binomial:
    """Logit link: l = y eta - m log(1 + e^eta), m trials."""

    @staticmethod
    def cumulant(eta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """b = log(1 + e^eta) and its derivative, the probability."""
        one = np.exp(-np.maximum(eta, -700.0))
        one += 1.0  # 1 + e^-eta, the inverse of the probability
        return eta + np.log(one), 1.0 / one

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
class GeneralizedModel(MixedModel):
    """Data of a generalized mixed model. Parameters: theta, then beta in the columns of ``X``.

    ``X`` holds the fixed-effects columns made orthonormal; ``m`` the trials.
    """

    family: str
    X: np.ndarray
    m: np.ndarray
    offset: np.ndarray
    n_agq: int

    @classmethod
    def of(
        cls, design: Design, family: str, m: np.ndarray, offset: np.ndarray, n_agq: int
    ) -> GeneralizedModel:
        """Check what can be fitted, and prepare the columns."""
        blocks = make_blocks(design.terms)
        _check_nodes(n_agq, blocks)
        X, R = orthonormal(design.X)
        return cls(design, blocks, R, family, X, m, offset, n_agq)

    @property
    def law(self) -> Any:
        """The family's functions."""
        return FAMILIES[self.family]

    def equal_clusters(self) -> dict[str, int]:
        """How many clusters of each grouping factor have failures only or successes only.

        Their own log odds are infinite, their modes are finite; counts of Poisson models are not
        meant.
        """
        found = {}
        for block in self.blocks if self.family == "binomial" else ():
            y, m = (np.bincount(block.codes, values) for values in (self.design.y, self.m))
            found[block.terms[0].group] = int(np.sum((y == 0) | (y == m)))
        return found

    def likelihood(self, n_agq: int) -> Laplace:
        """The function (parameters -> deviance, gradient), with that many nodes."""
        return Laplace(self) if n_agq == 1 else Quadrature(self, n_agq)

    def fit(self) -> Optimum:
        """From the fit without random effects, by way of Laplace, with the nodes asked for."""
        start, laplace = np.append(self.start(), plain_fit(self)), guarded(self.likelihood(1))
        if self.n_agq == 1:
            return minimise(laplace, start, self.blocks)
        near = quasi_newton(laplace, start)
        hessian = jacobian(lambda x: laplace(x)[1], near, 1e-5, laplace(near)[1])
        return minimise(self.likelihood(self.n_agq), near, self.blocks, hessian)

    def scale_and_beta(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Residual variance (none: 1) and fixed effects of parameters x."""
        return 1.0, np.linalg.solve(self.R, x[self.n_theta :])

    def deviance_without_random(self) -> float:
        """Deviance of the plain generalized linear model of the same fixed part."""
        return self.likelihood(1)(np.append(np.zeros(self.n_theta), plain_fit(self)))[0]

    def posterior_means(self, x: np.ndarray) -> np.ndarray:
        """Empirical Bayes means of the random effects (J, q), in the columns of the block."""
        q = self.blocks[0].q
        if len(self.blocks) > 1 or q > 2:
            raise ValueError(
                "posterior means are for one grouping factor with one or two random effects; "
                "use the modes (random_effects) here."
            )
        here = Quadrature(self, max(self.n_agq, 25 if q == 1 else 11)).at(x)
        return np.einsum("jr,jrq->jq", here.p, here.u) @ here.mode.lambdas[0].T

    def simulate(self, fit: GeneralizedResult, rng: np.random.Generator) -> GeneralizedResult:
        """Draw responses of a fit of this model, and fit the model to them."""
        eta = fit.predict(random=False, kind="linear").to_numpy(copy=True)
        eta += draw_random_part(self.blocks, fit._lambdas, rng)
        y = self.law.draw(self.law.cumulant(eta)[1], self.m, rng)
        model = replace(self, design=replace(self.design, y=y))
        return GeneralizedResult(model, model.fit())


def plain_fit(model: GeneralizedModel) -> np.ndarray:
    """Fit without random effects (iteratively weighted least squares), in the columns of ``X``."""
    X, y, m, law = model.X, model.design.y, model.m, model.law
    eta = law.first_guess(y, m)
    beta = np.zeros(X.shape[1])
    for _ in range(30):
        mu = law.cumulant(eta)[1]
        w = np.maximum(m * law.curvature(eta, mu)[0], 1e-12)
        target = eta - model.offset + (y - m * mu) / w
        new = np.linalg.solve(X.T @ (w[:, None] * X), X.T @ (w * target))
        moved, beta = np.abs(new - beta).max(initial=0.0), new
        eta = X @ beta + model.offset
        if moved < 1e-8:
            break
    spread = np.sqrt(np.diag(np.linalg.inv(X.T @ (w[:, None] * X) / len(X)))).max(initial=0.0)
    if model.family == "binomial" and (moved >= 1e-8 or spread > 1e3):
        _check_separation(model)
    return beta


# ---------------------------------------------------------------- Laplace, any random terms


@dataclass(frozen=True, eq=False)
class Mode:
    """Random effects u, (J, q) a block, and by row: linear predictor eta, residual e, weight w,
    its slope. ``height`` is the penalised log-likelihood that the conditional modes maximise."""

    lambdas: list[np.ndarray]
    u: list[np.ndarray]
    eta: np.ndarray
    e: np.ndarray
    w: np.ndarray
    w_slope: np.ndarray
    height: float


class Laplace:
    """Deviance by Laplace's method, and its gradient, as a function of the parameters.

    Each step of the search for the mode is a weighted linear mixed model with working response
    ``t = Z zeta + (y - mu)/w``, solved by :func:`hlmtools.linear.eliminate` on weighted products.
    The modes found are where the next search begins.
    """

    def __init__(self, model: GeneralizedModel) -> None:
        self.model, self.law, self.blocks = model, model.law, model.blocks
        self.X, self.y, self.m, self.offset = model.X, model.design.y, model.m, model.offset
        self.constant = self.law.constant(self.y, self.m)
        self.u = [np.zeros((len(block.levels), block.q)) for block in self.blocks]

    def __call__(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        mode = self.mode(x)
        reduced = self.reduce(mode)
        log_l = self.constant + mode.height - 0.5 * reduced.logdet
        return -2.0 * log_l, -2.0 * self._slope(mode, reduced)

    def mode(self, x: np.ndarray) -> Mode:
        """Penalised iteratively reweighted least squares; a step that goes downhill is halved."""
        lambdas = self.model.lambdas(x)
        fixed = self.X @ x[self.model.n_theta :] + self.offset
        here = self._at(fixed, lambdas, self.u)
        for _ in range(200):
            E = self.reduce(here, here.eta - fixed + here.e / here.w).E
            step = [e[:, :, 0] @ lam - v for e, lam, v in zip(E, lambdas, here.u, strict=True)]
            size = max(np.abs(s).max() for s in step)
            share = 5.0 / max(size, 5.0)
            there = here
            while share > 1e-6:
                u = [v + share * s for v, s in zip(here.u, step, strict=True)]
                there = self._at(fixed, lambdas, u)
                if there.height >= here.height - 1e-9 * abs(here.height):
                    break
                share /= 2.0
            here = there
            if size < 1e-5:  # converges quadratically: what is left is 1e-10
                self.u = here.u
                return here
        raise np.linalg.LinAlgError("the conditional modes were not found")

    def _at(self, fixed: np.ndarray, lambdas: list[np.ndarray], u: list[np.ndarray]) -> Mode:
        eta = fixed + self._random_part(lambdas, u)
        b, mu = self.law.cumulant(eta)
        w, w_slope = self.law.curvature(eta, mu)
        height = float(self.y @ eta - self.m @ b - 0.5 * sum(np.sum(v**2) for v in u))
        w = np.maximum(self.m * w, 1e-10)
        return Mode(lambdas, u, eta, self.y - self.m * mu, w, self.m * w_slope, height)

    def _random_part(self, lambdas: list[np.ndarray], u: list[np.ndarray]) -> np.ndarray:
        parts = zip(self.blocks, lambdas, u, strict=True)
        return np.sum([block.times(v @ lam.T) for block, lam, v in parts], axis=0)

    def reduce(self, mode: Mode, t: np.ndarray | None = None) -> Reduced:
        """Weighted products of Z, and of Z with a response t, random effects taken out."""
        W = np.empty((len(self.y), 0)) if t is None else t[:, None]
        return eliminate(make_products(self.blocks, W, mode.w), mode.lambdas)

    def _slope(self, mode: Mode, reduced: Reduced) -> np.ndarray:
        """d log L: as in :class:`Quadrature` with one node, a = 0 and K = -H^-1/2."""
        kappa = -0.5 * mode.w_slope * leverages(self.blocks, mode.lambdas, reduced)
        E = self.reduce(mode, kappa / mode.w).E
        h = [part[:, :, 0] @ lam for part, lam in zip(E, mode.lambdas, strict=True)]
        pull = kappa - mode.w * self._random_part(mode.lambdas, h)
        both = np.column_stack([mode.e + pull, mode.e])
        slopes = []
        parts = zip(self.blocks, mode.lambdas, mode.u, reduced.P, h, strict=True)
        for block, lam, u, P, step in parts:
            Ze = cluster_products(block.codes, len(u), block.Z, both)
            slopes.append(Ze[:, :, 0].T @ u + Ze[:, :, 1].T @ step - P.sum(axis=0) @ lam)
        return np.concatenate([pack(slopes, self.blocks), self.X.T @ (mode.e + pull)])


def leverages(
    blocks: Sequence[Block], lambdas: Sequence[np.ndarray], reduced: Reduced
) -> np.ndarray:
    """Diagonal of ``Z G Z'`` with ``G = Lambda H^-1 Lambda' = Omega - Omega P Omega``."""
    ZO = [block.Z @ (lam @ lam.T) for block, lam in zip(blocks, lambdas, strict=True)]
    total = np.sum([_dots(block.Z, zo) for block, zo in zip(blocks, ZO, strict=True)], axis=0)
    total -= _dots(_rowwise(ZO[0], reduced.P[0], blocks[0].codes), ZO[0])
    if reduced.rest is None:
        return total
    KB, D, T = reduced.rest
    starts = np.cumsum([0, *(len(block.levels) * block.q for block in blocks[1:-1])])
    own = blocks[0].columns
    other = np.hstack([s + block.columns for s, block in zip(starts, blocks[1:], strict=True)])
    first, later = ZO[0], np.hstack(ZO[1:])
    across = (KB @ (np.eye(len(T)) - T @ D))[own[:, :, None], other[:, None, :]]
    among = (D - D @ T @ D)[other[:, :, None], other[:, None, :]]
    total -= 2.0 * np.einsum("na,nab,nb->n", first, across, later)
    total -= np.einsum("na,nab,nb->n", later, among, later)
    return total


# ---------------------------------------------------------------- quadrature


@dataclass(frozen=True, eq=False)
class Nodes:
    """log L (J,), node weights p (J, R), nodes u (J, R, q), means mu (n, R); H = T^-T T^-1."""

    mode: Mode
    log_l: np.ndarray
    p: np.ndarray
    u: np.ndarray
    mu: np.ndarray
    H: np.ndarray
    T: np.ndarray


class Quadrature(Laplace):
    """Deviance of a model with one grouping factor, by k^q nodes a cluster; k = 1 is Laplace.

    Rows are sorted by cluster. J clusters, q effects, R = k^q nodes.
    """

    def __init__(self, model: GeneralizedModel, k: int) -> None:
        super().__init__(model)
        order = np.argsort(self.blocks[0].codes, kind="stable")
        block = self.blocks[0].rows_in(order)
        self.blocks, self.Z, self.codes = (block,), block.Z, block.codes
        self.X, self.y, self.m = self.X[order], self.y[order], self.m[order]
        self.offset = self.offset[order]
        self.starts = np.searchsorted(self.codes, np.arange(len(block.levels)))
        self.nodes, self.log_weights = gauss_hermite(k, block.q)

    def __call__(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        here = self.at(x)
        return -2.0 * (float(here.log_l.sum()) + self.constant), -2.0 * self._gradient(here)

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Sums over the members of every cluster."""
        return np.add.reduceat(values, self.starts, axis=0)

    def at(self, x: np.ndarray) -> Nodes:
        """Everything at the nodes ``u_j + T_j z_r``, for parameters x."""
        mode = self.mode(x)
        (lam,), (centre,) = mode.lambdas, mode.u
        J, q = centre.shape
        ZL = self.Z @ lam
        H = np.eye(q) + cluster_products(self.codes, J, ZL, mode.w[:, None] * ZL)
        T = np.linalg.inv(np.linalg.cholesky(H)).swapaxes(1, 2)  # T T' = H^-1
        ZLT = _rowwise(ZL, T, self.codes)
        b, mu = self.law.cumulant(mode.eta[:, None] + ZLT @ self.nodes.T)  # (n, R)
        u = centre[:, None, :] + self.nodes @ T.swapaxes(1, 2)  # (J, R, q)
        f = self.sums(self.y * mode.eta)[:, None] + self.sums(self.y[:, None] * ZLT) @ self.nodes.T
        f -= self.sums(self._counted(b)) + 0.5 * np.sum(u**2, axis=2)
        terms = f + 0.5 * np.sum(self.nodes**2, axis=1) + self.log_weights
        top = terms.max(axis=1, keepdims=True)
        p = np.exp(terms - top)
        total = p.sum(axis=1, keepdims=True)
        logdet_T = np.log(np.diagonal(T, axis1=1, axis2=2)).sum(axis=1)
        log_l = logdet_T + top[:, 0] + np.log(total[:, 0])
        return Nodes(mode, log_l, p / total, u, mu, H, T)

    def _counted(self, values: np.ndarray) -> np.ndarray:
        """m times a value at every node; single trials need no product."""
        return values if np.all(self.m == 1.0) else self.m[:, None] * values

    def _gradient(self, here: Nodes) -> np.ndarray:
        """d log L by theta and beta.

        With p_r the normalised weight of node u_r = u + T z_r, a = sum_r p_r f'(u_r),
        C = sum_r p_r z_r f'(u_r)' and K the derivative of log L by H::

            d log L = sum_r p_r df(u_r) + a'du + tr(K dH),    H du = d f'(u)
        """
        mode, T, p = here.mode, here.T, here.p
        (lam,), (centre,) = mode.lambdas, mode.u
        mean_mu = _dots(here.mu, p[self.codes])
        residual = self.y - self.m * mean_mu
        g = self._node_scores(here)  # Z_j'(y - mu at node), (J, R, q)
        slopes = g @ lam - here.u  # f'(u_r)
        a = np.einsum("jr,jrq->jq", p, slopes)
        C = (p[:, :, None] * slopes).swapaxes(1, 2) @ self.nodes  # (J, q of f', q of z)
        K = _curvature_weight(T, C.swapaxes(1, 2))
        zl = self.Z @ lam
        kappa = mode.w_slope * _dots(_rowwise(zl, K, self.codes), zl)
        h = np.linalg.solve(here.H, (a + self.sums(zl * kappa[:, None]))[:, :, None])[:, :, 0]
        pull = kappa - mode.w * _dots(zl, h[self.codes])
        d_beta = self.X.T @ (residual + pull)
        S = self.sums(self.Z[:, :, None] * (mode.w[:, None] * zl)[:, None, :])  # Z'WZ Lambda
        d_lam = np.einsum("jr,jra,jrb->ab", p, g, here.u) + 2.0 * np.einsum("jab,jbc->ac", S, K)
        d_lam += self.sums(self.Z * pull[:, None]).T @ centre
        d_lam += self.sums(self.Z * mode.e[:, None]).T @ h
        return np.concatenate([pack([d_lam], self.model.blocks), d_beta])

    def _node_scores(self, here: Nodes) -> np.ndarray:
        mu = self._counted(here.mu)
        columns = [self.sums(z * self.y)[:, None] - self.sums(z[:, None] * mu) for z in self.Z.T]
        return np.stack(columns, axis=2)


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


def _dots(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """a_i'b_i for every row i."""
    return np.einsum("nq,nq->n", A, B)


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
    if np.ndim(given) == 0:
        values = np.full(len(data), values)
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


def _check_clusters(model: GeneralizedModel) -> None:
    for block in model.blocks:
        group = block.terms[0].group
        if model.equal_clusters().get(group) == len(block.levels):
            raise ValueError(
                f"in every cluster of {group!r} all responses are equal: its variance has no "
                "finite estimate; use a coarser grouping factor, or describe the clusters."
            )


def _check_separation(model: GeneralizedModel) -> None:
    """Is there b with (y - m/2) x'b >= 0 in every row, and not 0 in all? (Konis 2007)"""
    X, y, m = model.X, model.design.y, model.m
    certain = (y == 0) | (y == m)
    sign = np.where(y == 0, -1.0, 1.0)
    A = sign[certain, None] * X[certain]
    below = np.vstack([-A, X[~certain], -X[~certain]])  # 0 in rows with both outcomes
    found = optimize.linprog(-A.sum(axis=0), below, np.zeros(len(below)), bounds=(-1, 1))
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
