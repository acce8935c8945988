"""Tools for hierarchical linear models: what the course gives, and what you complete.

Given: `load_dataset`, `plots`, `simulate`, and the engine that you check your own work against.
Yours: one module an assignment, such as ``hlmtools.variance_components``; import it by its name.

Notation
--------
The same letters stand for the same things in every module, docstring and notebook.
Unit i belongs to cluster j; N (or n) units in J clusters, p fixed and q random coefficients.

======= ========= ================================= =============== ================ =============
symbol  dimension what it is                        lme4            statsmodels      Stata
======= ========= ================================= =============== ================ =============
N, n    number    units in all                      nobs            nobs             e(N)
y       (n,)      response                          getME y         endog            depvar
X       (n, p)    covariates of the fixed part      getME X         exog             indepvars
Z       (n, q)    covariates of the random part,    getME mmList    exog_re          after the ||
                  one term on one grouping factor
g       (n,)      cluster label of each unit        grouping factor groups           levelvar
J       number    clusters                          ngrps           n_groups         e(N_g)
n_j     number    units in cluster j                table(g)        row_indices      _N, by level
beta    (p,)      fixed coefficients                fixef           fe_params        e(b)
psi     number    variance between clusters (q = 1) VarCorr, vcov   cov_re           var(_cons)
Psi     (q, q)    covariance matrix of the random   VarCorr         cov_re           estat recov
                  coefficients of a cluster
sigma2  number    variance within clusters          sigma squared   scale            var(Residual)
lam     number    psi / sigma2                      theta squared   params Group Var -
Lambda  (q, q)    lower triangular, Psi = sigma2    getME Lambda    -                -
                  Lambda Lambda'
theta   (k,)      the free entries of Lambda        getME theta     -                -
u       (J, q)    spherical random effects, with    getME u         -                -
                  covariance sigma2 I
zeta    (J, q)    random effects, zeta_j = Lambda   ranef           random_effects   reffects
                  u_j
epsilon (n,)      errors within clusters, with      resid           resid            residuals
                  variance sigma2
R_j     number    reliability of a cluster's mean   -               -                -
======= ========= ================================= =============== ================ =============

Entries are counted from 1, the constant first: beta_1 is the intercept and beta_2 a slope, psi_11
the variance of the intercepts, psi_22 that of the slopes, and psi_21 their covariance.
theta runs down the columns of Lambda, as in lme4.

Take care: statsmodels keeps its variance parameters divided by sigma2 in ``params``, ``bse`` and
``conf_int()``: ``params["Group Var"]`` is lam, whereas ``cov_re`` is Psi.
lme4 prints standard deviations beside variances; Stata prints variances unless told ``stddev``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hlmtools.datasets import dataset_names, load_dataset

if TYPE_CHECKING:
    from hlmtools.generalized import glmer
    from hlmtools.linear import lmer

__all__ = ["dataset_names", "glmer", "lmer", "load_dataset"]


def __getattr__(name: str) -> Any:
    """Load the engine when it is first asked for: scipy and formulaic take a second to import."""
    if name == "lmer":
        from hlmtools.linear import lmer

        return lmer
    if name == "glmer":
        from hlmtools.generalized import glmer

        return glmer
    raise AttributeError(f"module 'hlmtools' has no attribute {name!r}")
