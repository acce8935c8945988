"""Results of lmer and glmer, with statsmodels' names."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hlmtools.formula import cluster_labels, new_matrix


class ConvergenceWarning(UserWarning):
    """The gradient at the end of a fit is not small."""


class SingularWarning(UserWarning):
    """An estimated covariance matrix of random effects is not of full rank."""


def by_term(model: Any, values: Iterable[np.ndarray]) -> list[tuple]:
    """Every term in the formula's order: the term, the inverse of its R (``Z_k = Z R_k``), its
    columns in the block, and what ``values`` holds for its block."""
    found = {}
    for block, value in zip(model.blocks, values, strict=True):
        for term, R, columns in zip(block.terms, block.R, block.slices, strict=True):
            found[term.key] = term, np.linalg.inv(R), columns, value
    return [found[term.key] for term in model.design.terms]


def covariances(model: Any, lambdas: Iterable[np.ndarray], scale: float) -> dict[str, np.ndarray]:
    """``Psi = sigma2 R^-1 Lambda Lambda' R^-T``, by term."""
    found = {}
    for term, inverse, columns, lam in by_term(model, lambdas):
        root = inverse @ lam[columns, columns]
        found[term.key] = scale * root @ root.T
    return found


def cluster_tables(model: Any, values: Iterable[np.ndarray]) -> dict[str, pd.DataFrame]:
    """Random effects (J, q), in the columns of the blocks, as tables cluster x effect by term."""
    return {
        term.key: pd.DataFrame(effects[:, columns] @ inverse.T, term.levels, term.names)
        for term, inverse, columns, effects in by_term(model, values)
    }


@dataclass(frozen=True, eq=False, repr=False)
class MixedResult:
    """What linear and generalized mixed fits have in common.

    ``model`` holds the data and the design, ``optimum`` the end of the search; every property is
    computed from these when it is first asked for.
    """

    model: Any
    optimum: Any

    if TYPE_CHECKING:  # scale, params, _cov, _lambdas, _modes ... come from the two kinds below

        def __getattr__(self, name: str) -> Any: ...

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.formula!r}: deviance {self.deviance:.6g}>"

    def __str__(self) -> str:
        return self.summary()

    @property
    def formula(self) -> str:
        """The formula as given."""
        return self.model.design.formula

    @property
    def deviance(self) -> float:
        """-2 log-likelihood; under REML lme4's REML criterion."""
        return self.optimum.deviance

    @property
    def llf(self) -> float:
        """Log-likelihood (restricted under REML): minus half the deviance."""
        return -self.deviance / 2.0

    @property
    def converged(self) -> bool:
        """True where the gradient at the end is small, whatever an optimiser reported."""
        return self.optimum.converged

    @property
    def singular(self) -> bool:
        """True where a covariance matrix of random effects has lost rank."""
        return self.optimum.singular

    @property
    def nobs(self) -> int:
        """Number of level-1 units."""
        return len(self.model.design.y)

    @property
    def n_groups(self) -> dict[str, int]:
        """Number of clusters of every grouping factor."""
        return {term.group: len(term.levels) for term in self.model.design.terms}

    @property
    def df_model(self) -> int:
        """Number of parameters: fixed effects, variances and covariances, residual variance."""
        return len(self.params) + self.model.n_theta + self._n_scale

    @property
    def aic(self) -> float:
        """Akaike's criterion, deviance + 2 parameters."""
        return self.deviance + 2.0 * self.df_model

    @property
    def bic(self) -> float:
        """Schwarz's criterion, deviance + log(n) parameters, n the level-1 units as in lme4."""
        return self.deviance + np.log(self.nobs) * self.df_model

    @cached_property
    def bse(self) -> pd.Series:
        """Standard errors of the fixed effects."""
        return pd.Series(np.sqrt(np.diag(self._cov)), index=self.params.index)

    def cov_params(self) -> pd.DataFrame:
        """Covariance matrix of the fixed effects."""
        names = self.params.index
        return pd.DataFrame(self._cov, index=names, columns=names)

    @cached_property
    def tvalues(self) -> pd.Series:
        """Estimates divided by their standard errors."""
        return self.params / self.bse

    @cached_property
    def _lambdas(self) -> list[np.ndarray]:
        return self.model.lambdas(self.optimum.theta)

    @cached_property
    def cov_re(self) -> dict[str, pd.DataFrame]:
        """Covariance matrix of the random effects (Psi), by term."""
        psis = covariances(self.model, self._lambdas, self.scale)
        terms = self.model.design.terms
        return {t.key: pd.DataFrame(psis[t.key], t.names, t.names) for t in terms}

    @cached_property
    def sd_re(self) -> dict[str, pd.Series]:
        """Standard deviations of the random effects, by term."""
        return {
            key: pd.Series(np.sqrt(np.diag(psi)), index=psi.index)
            for key, psi in self.cov_re.items()
        }

    def intercept_variance(self) -> float:
        """Psi of a model with one random intercept; others have no such number."""
        if [term.names for term in self.model.design.terms] != [("Intercept",)]:
            raise ValueError(
                f"this is for random-intercept models of one grouping factor, not {self.formula!r}."
            )
        return float(next(iter(self.cov_re.values())).to_numpy()[0, 0])

    @cached_property
    def random_effects(self) -> dict[str, pd.DataFrame]:
        """Conditional modes (for linear models also means) of the random effects, by term."""
        return cluster_tables(self.model, self._modes)

    @cached_property
    def random_effects_cov(self) -> dict[str, pd.DataFrame]:
        """Conditional covariances: by term one frame with rows (cluster, effect).

        ``fit.random_effects_cov["school"].loc["8367"]`` is the matrix of one school. They hold
        the parameters fixed, as lme4's ``condVar`` does.
        """
        found = {}
        for term, inverse, columns, all_covariances in by_term(self.model, self._mode_covariances):
            values = inverse @ all_covariances[:, columns, columns] @ inverse.T
            rows = pd.MultiIndex.from_product([term.levels, term.names])
            flat = values.reshape(-1, len(inverse))
            found[term.key] = pd.DataFrame(flat, index=rows, columns=term.names)
        return found

    @cached_property
    def _mode_covariances(self) -> list[np.ndarray]:
        """sigma2 (Omega - Omega Z_j'V^-1 Z_j Omega), (J, q, q) a block."""
        found = []
        for P, lam in zip(self._end[0].P, self._lambdas, strict=True):
            omega = lam @ lam.T
            found.append(self.scale * (omega - omega @ P @ omega))
        return found

    @property
    def fittedvalues(self) -> pd.Series:
        """Predictions for the rows of the fit, conditional modes included."""
        return self.predict()

    def _predict_linear(self, newdata: pd.DataFrame | None, random: bool) -> pd.Series:
        """X beta, plus Z zeta if ``random``; a cluster the fit has not seen gets zeta = 0."""
        design = self.model.design
        if newdata is None:
            eta = design.X @ self.params.to_numpy()
            for block, modes in zip(self.model.blocks, self._modes if random else (), strict=False):
                eta = eta + block.times(modes)
            return pd.Series(eta, index=design.index)
        eta = new_matrix(design.x_spec, newdata) @ self.params.to_numpy()
        for term in design.terms if random else ():
            rows = term.levels.get_indexer(pd.Index(cluster_labels(term.group, newdata)))
            modes = self.random_effects[term.key].to_numpy()
            zeta = np.where(rows[:, None] >= 0, modes[rows], 0.0)
            eta = eta + np.einsum("nq,nq->n", new_matrix(term.spec, newdata), zeta)
        return pd.Series(eta, index=newdata.index)

    def conf_int(self, method: str = "wald", level: float = 0.95, **options: Any) -> pd.DataFrame:
        """Confidence intervals, columns ``lower`` and ``upper``.

        Parameters
        ----------
        method
            ``"wald"`` (fixed effects only), ``"profile"`` or ``"boot"``; the last two also give
            standard deviations and correlations of the random effects and ``sigma``.
        level
            Confidence level.
        options
            For ``"boot"``: ``n_sim``, ``seed``, ``processes``, ``progress``;
            see :func:`hlmtools.inference.bootstrap`.
        """
        from hlmtools import inference

        if method == "wald":
            return inference.wald_interval(self, level)
        if method == "profile":
            return inference.profile_interval(self, level, **options)
        if method == "boot":
            return inference.bootstrap_interval(self, level, **options)
        raise ValueError(f"method {method!r} must be 'wald', 'profile' or 'boot'.")

    def summary(self) -> str:
        """A table of the fit, laid out as statsmodels does, variances and SDs named as such."""
        rule, line = "=" * 78, "-" * 78
        lines = [f"{self._title:^78}".rstrip(), rule]
        lines += [f"{left:<39}{right:>39}".rstrip() for left, right in self._head()]
        fixed, random = self._fixed_table(), self._random_table()
        lines += [line, fixed.to_string(float_format=lambda value: f"{value:.4f}")]
        lines += [line, random.to_string(float_format=lambda value: f"{value:.6g}"), rule]
        lines += self._notes()
        return "\n".join(text.rstrip() for text in "\n".join(lines).splitlines())

    def _notes(self) -> list[str]:
        notes = ["Singular fit: a variance is 0 or a correlation +-1."] if self.singular else []
        return notes if self.converged else [*notes, "NOT CONVERGED: do not use these numbers."]

    def _head(self) -> list[tuple[str, str]]:
        sizes = ", ".join(f"{key} {count}" for key, count in self.n_groups.items())
        return [
            (f"Formula: {self.formula}", ""),
            (f"Method: {self._method}", f"{self._criterion_name}: {self.deviance:.4f}"),
            (f"Observations: {self.nobs}", f"Log-likelihood: {self.llf:.4f}"),
            (f"Clusters: {sizes}", f"AIC: {self.aic:.2f}  BIC: {self.bic:.2f}"),
        ]

    def _fixed_table(self) -> pd.DataFrame:
        p_values = [math.erfc(abs(z) / math.sqrt(2.0)) for z in self.tvalues]
        table = {"coef": self.params, "std err": self.bse, "z": self.tvalues, "P>|z|": p_values}
        interval = self.conf_int().set_axis(["[0.025", "0.975]"], axis=1)
        return pd.DataFrame(table).join(interval).rename_axis(columns="Fixed effects")

    def _random_table(self) -> pd.DataFrame:
        """Variances, standard deviations, and correlations with the effects above."""
        rows = {}
        for key, psi in self.cov_re.items():
            sd = self.sd_re[key].to_numpy()
            for k, name in enumerate(psi.index):
                scale = sd[k] * sd[:k]
                corr = np.divide(psi.to_numpy()[k, :k], scale, out=np.zeros(k), where=scale > 0)
                shown = " ".join(f"{value:.3f}" for value in corr)
                rows[f"{key}: {name}"] = sd[k] ** 2, sd[k], shown
        names = ["Variance", "Std. dev.", "Corr."]
        table = pd.DataFrame.from_dict(rows, orient="index", columns=names)
        return table.rename_axis(columns="Random effects")


@dataclass(frozen=True, eq=False, repr=False)
class LinearResult(MixedResult):
    """A fitted linear mixed model, as :func:`hlmtools.lmer` returns it.

    Examples
    --------
    >>> from hlmtools import lmer, load_dataset
    >>> fit = lmer("Reaction ~ Days + (Days | Subject)", load_dataset("sleepstudy"))
    >>> fit.params.round(3).to_dict()
    {'Intercept': 251.405, 'Days': 10.467}
    >>> fit.cov_re["Subject"].round(1).to_numpy().tolist(), round(fit.scale, 1)
    ([[612.1, 9.6], [9.6, 35.1]], 654.9)
    >>> print(fit.summary().splitlines()[-2])
    Residual             654.941    25.5918
    """

    _n_scale = 1
    _title = "Linear mixed model (hlmtools.lmer)"

    @property
    def reml(self) -> bool:
        """True where the fit is by restricted maximum likelihood."""
        return self.model.reml

    @property
    def _method(self) -> str:
        return "REML" if self.reml else "ML"

    @property
    def _criterion_name(self) -> str:
        return "REML criterion" if self.reml else "Deviance (-2 log L)"

    @cached_property
    def _end(self) -> Any:
        """(Reduced, Criterion) at the optimum."""
        return self.model.end(self.optimum.theta)

    @cached_property
    def scale(self) -> float:
        """Residual variance sigma2, in squared units of y."""
        size = self.model.n - self.model.p if self.reml else self.model.n
        return self.model.y_scale**2 * self._end[1].rss / size

    @cached_property
    def params(self) -> pd.Series:
        """Fixed effects."""
        model = self.model
        shift = np.linalg.solve(model.R, self._end[1].coef)
        return pd.Series(model.beta_ols + model.y_scale * shift, index=list(model.design.x_names))

    @cached_property
    def _cov(self) -> np.ndarray:
        """sigma2 (X'V^-1 X)^-1, Bates et al. 2015, eq. 54."""
        half = np.linalg.solve(self.model.R, self._end[1].M_inverse)
        return self.scale * np.linalg.solve(self.model.R, half.T)

    @cached_property
    def _modes(self) -> list[np.ndarray]:
        """zeta_j = Omega Z_j'V^-1(y - X beta), (J, q) a block; eq. 56 of the same paper."""
        reduced, here = self._end
        residual = self.model.y_scale * np.append(-here.coef, 1.0)
        return [
            (E @ residual) @ (lam @ lam.T) for E, lam in zip(reduced.E, self._lambdas, strict=True)
        ]

    @property
    def resid(self) -> pd.Series:
        """y minus fitted values."""
        return pd.Series(self.model.design.y, index=self.model.design.index) - self.predict()

    def predict(self, newdata: pd.DataFrame | None = None, random: bool = True) -> pd.Series:
        """Predict y.

        Parameters
        ----------
        newdata
            Rows to predict for; without it the rows of the fit.
        random
            Add the conditional modes of the row's clusters; a cluster the fit has not seen
            gets the prediction of the average cluster.

        Examples
        --------
        >>> from hlmtools import lmer, load_dataset
        >>> fit = lmer("Reaction ~ Days + (Days | Subject)", load_dataset("sleepstudy"))
        >>> new = pd.DataFrame({"Days": [10, 10], "Subject": ["308", "new"]})
        >>> fit.predict(new).round(2).tolist()
        [450.33, 356.08]
        """
        return self._predict_linear(newdata, random)

    def _random_table(self) -> pd.DataFrame:
        table = super()._random_table()
        table.loc["Residual"] = self.scale, np.sqrt(self.scale), ""
        return table


@dataclass(frozen=True, eq=False, repr=False)
class GeneralizedResult(MixedResult):
    """A fitted logistic or Poisson mixed model, as :func:`hlmtools.glmer` returns it.

    Examples
    --------
    >>> from hlmtools import glmer, load_dataset
    >>> data = load_dataset("ohio")
    >>> fit = glmer("resp ~ age*smoke + (1 | id)", data, n_agq=51)
    >>> fit.params.round(3).to_dict()
    {'Intercept': -3.128, 'age': -0.216, 'smoke': 0.462, 'age:smoke': 0.105}
    >>> round(fit.icc_latent(), 3), round(fit.mor(), 2)
    (0.588, 7.9)
    """

    _n_scale = 0
    _criterion_name = "Deviance (-2 log L)"

    @property
    def _title(self) -> str:
        return f"Generalized linear mixed model, {self.model.family} (hlmtools.glmer)"

    @property
    def _method(self) -> str:
        k = self.model.n_agq
        return "ML, Laplace" if k == 1 else f"ML, adaptive quadrature, {k} nodes"

    def _notes(self) -> list[str]:
        found = self.model.equal_clusters().items()
        equal = [f"{count} of {self.n_groups[group]} in {group}" for group, count in found if count]
        said = f"Clusters whose responses are all equal: {', '.join(equal)}." if equal else ""
        return [*super()._notes(), *filter(None, [said])]

    @property
    def scale(self) -> float:
        """1.0: binomial and Poisson responses have no residual variance of their own."""
        return 1.0

    @cached_property
    def params(self) -> pd.Series:
        """Fixed effects, on the scale of the link (log odds or log rate)."""
        beta = self.model.scale_and_beta(self.optimum.theta)[1]
        return pd.Series(beta, index=list(self.model.design.x_names))

    @cached_property
    def _cov(self) -> np.ndarray:
        """Inverse of the observed information of all parameters, block of the fixed effects."""
        k = self.model.n_theta
        joint = np.linalg.pinv(self.optimum.hessian / 2.0, hermitian=True)[k:, k:]
        inverse = np.linalg.solve(self.model.R, np.eye(len(self.model.R)))
        return inverse @ joint @ inverse.T

    @cached_property
    def _end(self) -> Any:
        """(Reduced, Mode) at the optimum."""
        function = self.model.likelihood(1)
        mode = function.mode(self.optimum.theta)
        return function.reduce(mode), mode

    @cached_property
    def _modes(self) -> list[np.ndarray]:
        """zeta_j = Lambda u_j, (J, q) a block."""
        return [u @ lam.T for u, lam in zip(self._end[1].u, self._lambdas, strict=True)]

    @cached_property
    def posterior_means(self) -> dict[str, pd.DataFrame]:
        """Empirical Bayes means (``random_effects`` holds the modes), by term."""
        means = self.model.posterior_means(self.optimum.theta)
        return cluster_tables(self.model, [means])

    @property
    def resid(self) -> pd.Series:
        """y minus fitted values; for binomial counts, of the proportion."""
        y = self.model.design.y / self.model.m
        return pd.Series(y, index=self.model.design.index) - self.predict()

    def predict(
        self, newdata: pd.DataFrame | None = None, random: bool = True, kind: str = "mean"
    ) -> pd.Series:
        """Predict a probability or expected count, or the linear predictor.

        Parameters
        ----------
        newdata
            Rows to predict for; without it the rows of the fit, their offset included.
        random
            Add the conditional modes of the row's clusters; a cluster the fit has not seen
            gets a random effect of 0.
        kind
            ``"mean"``; ``"linear"``; or ``"marginal"``, the mean over the distribution of the
            random effects, which is what a population average is (binomial only).
        """
        eta = self._predict_linear(newdata, random and kind != "marginal")
        if newdata is None:
            eta = eta + self.model.offset
        if kind == "linear":
            return eta
        if kind == "mean":
            return pd.Series(self.model.law.cumulant(eta.to_numpy())[1], index=eta.index)
        if kind != "marginal":
            raise ValueError(f"kind {kind!r} must be 'mean', 'linear' or 'marginal'.")
        return self._marginal(eta, newdata)

    def _marginal(self, eta: pd.Series, newdata: pd.DataFrame | None) -> pd.Series:
        from hlmtools.generalized import marginal_probability

        if self.model.family != "binomial":
            raise ValueError("kind='marginal' is for family 'binomial'.")
        variance = np.zeros(len(eta))
        for term in self.model.design.terms:
            Z = term.Z if newdata is None else new_matrix(term.spec, newdata)
            variance += np.einsum("na,ab,nb->n", Z, self.cov_re[term.key].to_numpy(), Z)
        return pd.Series(marginal_probability(eta.to_numpy(), variance), index=eta.index)

    def marginal_odds_ratio(self, low: pd.DataFrame, high: pd.DataFrame) -> float:
        """Odds ratio between two one-row tables of covariates, averaged over clusters.

        The marginal counterpart of ``exp(coefficient)``; it is nearer to 1.
        """
        p = [float(self.predict(row, kind="marginal").iloc[0]) for row in (low, high)]
        return p[1] / (1.0 - p[1]) / (p[0] / (1.0 - p[0]))

    def intercept_variance(self) -> float:
        """Psi of a logistic model with one random intercept."""
        if self.model.family != "binomial":
            raise ValueError("this is for a logistic model with one random intercept.")
        return super().intercept_variance()

    def icc_latent(self) -> float:
        """Intraclass correlation of the latent responses, psi / (psi + pi^2/3)."""
        psi = self.intercept_variance()
        return psi / (psi + np.pi**2 / 3.0)

    def mor(self) -> float:
        """Median odds ratio; see :func:`hlmtools.generalized.median_odds_ratio`."""
        from hlmtools.generalized import median_odds_ratio

        return median_odds_ratio(self.intercept_variance())
