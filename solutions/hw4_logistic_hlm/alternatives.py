"""Homework 4: other right ways; each has to pass every test of its task."""

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy import optimize
from scipy.special import expit, logsumexp
from scipy.stats import chi2

from autograder.slips import Alternative
from hlmtools.logistic import agq_loglik, cluster_mode, log_joint, marginal_prob
from hlmtools.records import LogitResult


def joint_cluster_by_cluster(u, eta, y, g, sigma):
    eta, y, g = np.array(eta, dtype=float), np.array(y, dtype=float), np.array(g)
    if not len(eta) == len(y) == len(g) or set(y) - {0, 1}:
        raise ValueError("unequal lengths, or another answer than 0 and 1")
    u = np.array(u, dtype=float)
    prior = -(u**2) / 2 - np.log(2 * np.pi) / 2
    likelihood = np.zeros_like(u)
    for j, label in enumerate(np.unique(g)):
        rows = g == label
        sign = np.where(y[rows] == 1, 1, -1)  # P(y = 0) is expit(-e)
        e = eta[rows] + sigma * u[j][..., None]
        likelihood[j] = -np.logaddexp(0, -sign * e).sum(axis=-1)
    return likelihood + prior


def mode_by_brent(eta, y, g, sigma):
    eta, y, g = np.array(eta, dtype=float), np.array(y, dtype=float), np.array(g)
    if not eta.shape == y.shape == g.shape or not set(y) <= {0.0, 1.0}:
        raise ValueError("unequal lengths, or another answer than 0 and 1")
    found = {}
    for label in np.unique(g):
        e, answers = eta[g == label], y[g == label]

        def slope(u, e=e, answers=answers):
            return sigma * (answers - expit(e + sigma * u)).sum() - u

        far = abs(sigma) * len(e) + 1
        mode = optimize.brentq(slope, -far, far, xtol=1e-14, rtol=1e-14)
        p = expit(e + sigma * mode)
        found[label] = {"mode": mode, "sd": (1 + sigma**2 * (p - p**2).sum()) ** -0.5}
    return pd.DataFrame.from_dict(found, orient="index").rename_axis("cluster")


def loglik_by_the_other_hermite_rule(beta, sigma, X, y, g, k=15):
    from numpy.polynomial.hermite import hermgauss  # integrates against exp(-x^2)

    if k <= 0:
        raise ValueError("no nodes")
    eta = np.dot(np.asarray(X, dtype=float), beta)
    modes = cluster_mode(eta, y, g, sigma)
    width = np.sqrt(2) * modes["sd"].to_numpy()
    x, w = hermgauss(k)
    u = modes["mode"].to_numpy()[:, None] + np.outer(width, x)
    joint = log_joint(u, eta, y, g, sigma)
    return logsumexp(joint + x**2, b=w * width[:, None], axis=1).sum()


def fit_on_the_scale_of_log_sigma(y, X, g, k=15):
    y, g = pd.Series(np.array(y)), pd.Series(list(g))
    X = X.astype(float).reset_index(drop=True)
    if pd.isna(y).any() or pd.isna(g).any() or X.isna().any(axis=None):
        raise ValueError("missing values")
    if len(set(g)) == 1 or sorted(set(y)) != [0, 1]:
        raise ValueError("one cluster, or one kind of answer")
    values, number = X.to_numpy(), pd.factorize(g)[0]
    plain = sm.GLM(y.to_numpy(float), values, family=sm.families.Binomial()).fit(tol=1e-12)
    unit = np.append(plain.bse, 0.3)

    def deviance(z):
        at = z * unit
        return -2 * agq_loglik(at[:-1], np.exp(at[-1]), values, y, number, k)

    best = optimize.minimize(deviance, np.append(plain.params, 0.0) / unit, method="BFGS")
    best = optimize.minimize(deviance, best.x, method="BFGS", jac="3-point", options={"gtol": 1e-6})
    llf = -best.fun / 2
    if llf <= plain.llf + 1e-8 or best.x[-1] * unit[-1] < -8:
        beta, sigma, bse, llf = plain.params, 0.0, plain.bse, plain.llf
    else:
        beta, sigma = (best.x * unit)[:-1], np.exp((best.x * unit)[-1])
        hessian, h = np.empty((len(unit), len(unit))), 0.05 * np.eye(len(unit))
        for a in range(len(unit)):
            for b in range(a + 1):
                corners = [
                    s * t * deviance(best.x + s * h[a] + t * h[b]) for s in (1, -1) for t in (1, -1)
                ]
                hessian[a, b] = hessian[b, a] = sum(corners) / (8 * 0.05**2)
        bse = (np.sqrt(np.diag(np.linalg.inv(hessian))) * unit)[:-1]
    return LogitResult(
        params=pd.Series(beta, X.columns),
        bse=pd.Series(bse, X.columns),
        psi=sigma**2,
        llf=llf,
        k=k,
        singular=bool(sigma == 0),
        y=y,
        X=X,
        g=g,
    )


def icc_in_single_precision(psi):
    if psi < 0:
        raise ValueError("no variance")
    return np.float32(1 - 1 / (1 + 3 * psi / np.pi**2))


def mor_by_the_quantile_of_a_difference(psi):
    if psi < 0:
        raise ValueError("no variance")
    # the median of the absolute difference squared is that of a chi-square with one df
    return np.exp(np.sqrt(2 * psi * chi2.median(1)))


def marginal_prob_by_integration(xb, psi):
    from scipy.integrate import quad

    if psi < 0:
        raise ValueError("no variance")

    def one(each):
        def integrand(z):
            return expit(each + psi**0.5 * z) * np.exp(-z * z / 2) / np.sqrt(2 * np.pi)

        return quad(integrand, -12, 12, epsabs=1e-12, limit=200)[0]

    return one(xb) if np.ndim(xb) == 0 else np.array([one(each) for each in xb])


def marginal_or_as_a_difference_of_logits(xb, beta, psi):
    logit = [np.log(p) - np.log1p(-p) for p in marginal_prob(np.array([xb, xb + beta]), psi)]
    return np.exp(logit[1] - logit[0])


def attenuate_in_single_precision(beta, psi):
    if psi < 0:
        raise ValueError("no variance")
    c2 = 256 * 3 / (225 * np.pi**2)
    return np.float32(np.asarray(beta) * (1 + c2 * psi) ** -0.5)


def posterior_on_a_fine_grid(fit, k=30):
    sigma = fit.psi**0.5
    eta = (fit.X * fit.params).sum(axis=1)
    modes = cluster_mode(eta, fit.y, fit.g, sigma)
    steps = np.linspace(-10, 10, 401)
    u = modes[["mode"]].to_numpy() + modes[["sd"]].to_numpy() * steps
    p = np.exp(log_joint(u, eta, fit.y, fit.g, sigma))
    p /= p.sum(axis=1, keepdims=True)
    mean = (p * u).sum(axis=1)
    variance = (p * u**2).sum(axis=1) - mean**2
    return pd.DataFrame(
        {"mode": sigma * modes["mode"], "mean": sigma * mean, "sd": sigma * variance**0.5}
    )


def lrt_with_a_glm(fit):
    from scipy.stats import norm

    smaller = sm.GLM(np.asarray(fit.y), np.asarray(fit.X), family=sm.families.Binomial())
    gain = fit.llf - smaller.fit(tol=1e-12).llf
    if gain <= 1e-8:
        return 0.0, 1.0
    return 2 * gain, norm.sf((2 * gain) ** 0.5)


ALTERNATIVES = (
    Alternative("a loop over clusters", joint_cluster_by_cluster, "log_joint"),
    Alternative("Brent's method", mode_by_brent, "cluster_mode"),
    Alternative("the other Hermite rule", loglik_by_the_other_hermite_rule, "agq_loglik"),
    Alternative("a search on log sigma", fit_on_the_scale_of_log_sigma, "fit_logit_ri"),
    Alternative("single precision", icc_in_single_precision, "icc_latent"),
    Alternative("a chi-square quantile", mor_by_the_quantile_of_a_difference, "mor"),
    Alternative("adaptive integration", marginal_prob_by_integration, "marginal_prob"),
    Alternative("logits", marginal_or_as_a_difference_of_logits, "marginal_or"),
    Alternative("single precision", attenuate_in_single_precision, "attenuate"),
    Alternative("a fine grid", posterior_on_a_fine_grid, "eb_mean_mode"),
    Alternative("a generalized linear model", lrt_with_a_glm, "lrt_psi"),
)
