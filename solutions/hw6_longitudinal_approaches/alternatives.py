"""Homework 6: other right ways; each has to pass every test of its task."""

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import chi2, f

from autograder.slips import Alternative
from hlmtools.longitudinal import (
    best_par,
    checked,
    gls_deviance,
    gls_pattern,
    gls_profile,
    occasion_blocks,
    pattern_matrix,
)
from hlmtools.records import GEEResult, GLSProfile, GLSResult, MundlakResult


def sandwich_by_statsmodels(X, y, g):
    import statsmodels.api as sm

    X, y, g = checked(X, y, g)
    if len(set(g)) == 1:
        raise ValueError("one cluster")
    model, groups = sm.OLS(y, X), pd.factorize(g)[0]
    robust = [
        model.fit(
            cov_type="cluster", cov_kwds={"groups": groups, "use_correction": each}, use_t=False
        ).bse
        for each in (False, True)
    ]
    plain = model.fit()
    table = [plain.params, plain.bse, *robust]
    return pd.concat(table, axis=1, keys=["beta", "naive", "CR0", "CR1"])


def pattern_entry_by_entry(kind, par, T):
    wanted = {"IND": 0, "CS": 1, "AR1": 1, "UN": T * (T + 1) / 2 - 1}
    if kind not in wanted or np.ndim(par) != 1 or len(par) != wanted[kind]:
        raise ValueError("no such pattern")
    if kind == "UN":
        L, entries = np.zeros((T, T)), iter([1, *par])
        for column in range(T):
            for row in range(column, T):
                L[row, column] = next(entries)
        return np.einsum("ik,jk->ij", L, L)
    rule = {
        "IND": lambda s, t: 1.0 * (s == t),
        "CS": lambda s, t: 1.0 if s == t else par[0],
        "AR1": lambda s, t: float(par[0]) ** abs(s - t),
    }
    return np.array([[rule[kind](s, t) for t in range(T)] for s in range(T)])


def profile_with_inverses(par, kind, blocks):
    whole = pattern_matrix(kind, par, blocks[0].T)
    XX, Xy, yy, log_det, N = 0, 0, 0, 0, 0
    for block in blocks:
        R = whole[block.at][:, block.at]
        inverse = np.linalg.inv(R)
        XX = XX + np.einsum("jmp,mn,jnr->pr", block.X, inverse, block.X)
        Xy = Xy + np.einsum("jmp,mn,jn->p", block.X, inverse, block.y)
        yy = yy + np.einsum("jm,mn,jn->", block.y, inverse, block.y)
        log_det = log_det + len(block.y) * np.linalg.slogdet(R)[1]
        N = N + block.y.size
    beta = np.linalg.inv(XX) @ Xy
    return GLSProfile(beta, XX, yy - beta @ Xy, log_det, N)


def deviance_from_the_density(par, kind, blocks):
    from scipy.stats import multivariate_normal

    found = gls_profile(par, kind, blocks)
    R = pattern_matrix(kind, par, blocks[0].T) * found.r2 / found.N
    return -2 * sum(
        multivariate_normal.logpdf(
            block.y - block.X @ found.beta, np.zeros(len(block.at)), R[np.ix_(block.at, block.at)]
        ).sum()
        for block in blocks
    )


def pattern_fit_in_a_table(X, y, g, t, kind="UN"):
    blocks = occasion_blocks(X, y, g, t)
    par = best_par(lambda each: gls_deviance(each, kind, blocks), kind, blocks[0].T)
    found = gls_profile(par, kind, blocks)
    table = pd.DataFrame(index=X.columns)
    table["beta"] = found.beta
    cov = np.linalg.solve(found.M * found.N / found.r2, np.eye(len(table)))
    table["se"] = cov.diagonal() ** 0.5
    return GLSResult(
        table=table,
        cov=pd.DataFrame(cov, table.index, table.index),
        Sigma=pattern_matrix(kind, par, blocks[0].T) * (found.r2 / found.N),
        deviance=found.log_det + found.N * np.log(2 * np.pi * np.e * found.r2 / found.N),
        kind=kind,
        n_par=X.shape[1] + len(par) + 1,
        nobs=len(y),
    )


def fixed_effects_from_total_less_between(X, y, g):
    """Sums of products within persons, as those of all rows less those of the means."""
    X, y, g = checked(X, y, g, rank=False)
    spread = X.groupby(g).max() - X.groupby(g).min()
    names = [name for name in X if spread[name].max() > 1e-9 * X[name].abs().max()]
    rows = X[names].assign(**{" y": y})
    rows = rows - rows.mean()  # which costs no digits
    persons = rows.groupby(g)
    root = persons.mean().mul(np.sqrt(persons.size()), axis=0).to_numpy()
    S = (rows.T @ rows).to_numpy() - root.T @ root
    if not names or np.linalg.matrix_rank(S[:-1, :-1], tol=1e-9 * S.max()) < len(names):
        raise ValueError("nothing that varies within persons, or columns that move in step")
    beta = np.linalg.solve(S[:-1, :-1], S[:-1, -1])
    sigma2 = (S[-1, -1] - beta @ S[:-1, -1]) / (len(y) - len(root) - len(names))
    se = np.sqrt(sigma2 * np.linalg.inv(S[:-1, :-1]).diagonal())
    return pd.DataFrame({"beta": beta, "se": se}, names)


def differences_of_sorted_persons(X, y, g, t):
    X, y, g = checked(X, y, g, rank=False)
    rows = X.assign(**{" y": y, " g": g, " t": np.asarray(t)}).sort_values([" g", " t"])
    steps = rows.groupby(" g", sort=False)[[*X.columns, " y"]].diff().dropna()
    names = [name for name in X if steps[name].abs().max() > 1e-9 * X[name].abs().max()]
    if not names or np.linalg.matrix_rank(steps[names]) < len(names):
        raise ValueError("nothing that varies within persons, or columns that move in step")
    beta, r2, *_ = np.linalg.lstsq(steps[names], steps[" y"], rcond=None)
    root = np.linalg.inv(np.linalg.qr(steps[names].to_numpy())[1])
    se = np.sqrt(r2[0] / (len(steps) - len(names)) * (root**2).sum(axis=1))
    return pd.DataFrame({"beta": beta, "se": se}, names)


def mundlak_by_whitening(X, y, g, columns):
    X, y, g = checked(X, y, g)
    if set(columns) - set(X.columns):
        raise ValueError("no such column")
    labels = pd.Series(g)
    larger = X.copy()
    for name in columns:
        larger[f"mean of {name}"] = labels.map(X[name].groupby(labels).mean())
    fit = gls_pattern(larger, y, g, labels.groupby(labels).cumcount(), kind="CS")
    last = list(larger.columns[X.shape[1] :])
    z = np.linalg.solve(np.linalg.cholesky(fit.cov.loc[last, last]), fit.table["beta"][last])
    return MundlakResult(fit.table, z @ z, len(columns), 1 - chi2.cdf(z @ z, len(columns)))


def anova_by_nested_models(y, subject, group, time):
    """Sums of squares as differences between the residuals of nested models."""
    rows = pd.DataFrame({"y": y, "subject": subject, "group": group, "time": time})
    times = rows.groupby("subject")["time"]
    if (
        rows.duplicated(["subject", "time"]).any()
        or times.nunique().min() < rows["time"].nunique()
        or rows.groupby("subject")["group"].nunique().max() > 1
    ):
        raise ValueError("a subject that lacks a time, has one twice, or changes its group")
    means = rows.groupby("subject").agg({"y": "mean", "group": "first"})
    T, G, J = rows["time"].nunique(), rows["group"].nunique(), len(means)
    rows["d"] = rows["y"] - rows.groupby("subject")["y"].transform("mean")

    def squares(values):
        return float((values**2).sum())

    total = squares(means["y"] - means["y"].mean())
    left = squares(means["y"] - means.groupby("group")["y"].transform("mean"))
    by_time = squares(rows["d"] - rows.groupby("time")["d"].transform("mean"))
    by_both = squares(rows["d"] - rows.groupby(["group", "time"])["d"].transform("mean"))
    parts = {
        "group": (T * (total - left), G - 1, T * left, J - G),
        "time": (squares(rows["d"]) - by_time, T - 1, by_both, (J - G) * (T - 1)),
        "group:time": (by_time - by_both, (G - 1) * (T - 1), by_both, (J - G) * (T - 1)),
    }
    return pd.DataFrame(
        {
            name: {
                "F": found / df1 * df2 / error,
                "df1": df1,
                "df2": df2,
                "p": f.sf(found / df1 * df2 / error, df1, df2),
            }
            for name, (found, df1, error, df2) in parts.items()
        }
    ).T


def gee_with_whole_matrices(X, y, g, family="binomial", tol=1e-10):
    X, y, g = checked(X, y, g)
    groups = list(pd.Series(range(len(g))).groupby(g).indices.values())
    pairs = sum(len(rows) * (len(rows) - 1) // 2 for rows in groups)
    if family not in {"binomial", "gaussian"} or not pairs:
        raise ValueError("no such family, or no pairs")
    if family == "binomial" and set(y) - {0, 1}:
        raise ValueError("y has to be 0 or 1")
    A, y, beta = X.to_numpy(), y.to_numpy(), np.zeros(X.shape[1])
    for _ in range(100):
        mu = expit(A @ beta) if family == "binomial" else A @ beta
        v = mu * (1 - mu) if family == "binomial" else np.ones(len(mu))
        r = (y - mu) / np.sqrt(v)
        phi = np.mean(r**2)
        alpha = sum(np.triu(np.outer(r[at], r[at]), 1).sum() for at in groups) / (phi * pairs)
        M, scores = 0, []
        for at in groups:
            D = A[at] * v[at, None]  # derivatives of mu
            V = np.where(np.eye(len(at)), 1, alpha) * np.sqrt(np.outer(v[at], v[at]))
            M = M + D.T @ np.linalg.solve(V, D)
            scores.append(D.T @ np.linalg.solve(V, y[at] - mu[at]))
        step = np.linalg.solve(M, np.sum(scores, axis=0))
        beta = beta + step
        if max(abs(step)) < tol:
            inverse, meat = np.linalg.inv(M), np.array(scores).T @ np.array(scores)
            naive, robust = phi * inverse, inverse @ meat @ inverse
            errors = {"naive": naive.diagonal() ** 0.5, "robust": robust.diagonal() ** 0.5}
            table = pd.DataFrame({"beta": beta, **errors}, X.columns)
            return GEEResult(table=table, alpha=alpha, phi=phi)
    raise ValueError("no solution")


def conditional_loglik_by_recursion(beta, X, y, g):
    """Elementary symmetric functions, row by row (Gail, Lubin and Rubinstein, 1981)."""
    X, y, g = checked(X, y, g, rank=False)
    beta = np.asarray(beta, dtype=float)
    if set(y) - {0, 1} or beta.shape != (X.shape[1],):
        raise ValueError("y has to be 0 or 1, with a coefficient a column")
    score, total = X.to_numpy() @ beta, 0.0
    for rows in pd.Series(range(len(g))).groupby(g).indices.values():
        ones = int(y[rows].sum())
        sums = np.r_[0.0, np.full(ones, -np.inf)]  # logs of the sums over sets of 0, 1, ... rows
        for each in score[rows]:
            sums[1:] = np.logaddexp(sums[1:], sums[:-1] + each)
        total += score[rows] @ y[rows] - sums[-1]
    return total


def conditional_logit_by_statsmodels(X, y, g):
    from statsmodels.discrete.conditional_models import ConditionalLogit

    X, y, g = checked(X, y, g, rank=False)
    if set(y) - {0, 1}:
        raise ValueError("y has to be 0 or 1")
    both = (y.groupby(g).transform("min") < y.groupby(g).transform("max")).to_numpy()
    X, y, g = X[both], y[both], g[both]
    inside = X - X.groupby(g).transform("mean")
    names = [name for name in X if inside[name].abs().max() > 1e-9 * X[name].abs().max()]
    if not names or np.linalg.matrix_rank(inside[names]) < len(names):
        raise ValueError("nothing to compare, or columns that move in step")
    model = ConditionalLogit(y.to_numpy(), X[names].to_numpy(), groups=g)
    fit = model.fit(method="bfgs", gtol=1e-9, disp=0)
    params, information = fit.params, -model.hessian(fit.params)
    params = params + np.linalg.solve(information, model.score(params))
    se = np.linalg.inv(-model.hessian(params)).diagonal() ** 0.5
    return pd.DataFrame({"beta": params, "se": se}, names)


def three_regressions_by_statsmodels(pre, post, treat, reference):
    import statsmodels.formula.api as smf

    rows = pd.DataFrame({"pre": list(pre), "post": list(post), "treat": list(treat)})
    if rows.isna().any(axis=None) or reference not in set(rows["treat"]):
        raise ValueError("missing values, or no such treatment")
    rows["gain"] = rows["post"] - rows["pre"]
    levels = sorted(set(rows["treat"]) - {reference})
    rows["treat"] = pd.Categorical(rows["treat"], [reference, *levels])
    table = {}
    for name, formula in (
        ("change", "gain ~ treat"),
        ("ancova", "post ~ treat + pre"),
        ("post", "post ~ treat"),
    ):
        fit = smf.ols(formula, rows).fit()
        terms = [f"treat[T.{level}]" for level in levels]
        table[name], table[f"{name}_se"] = list(fit.params[terms]), list(fit.bse[terms])
    return pd.DataFrame(table, index=levels)


def dropout_by_predictions(y1, y2):
    first, second = np.array(y1, dtype=float), np.array(y2, dtype=float)
    if first.shape != second.shape or np.isnan(first).any() or np.isinf(first).any():
        raise ValueError("no two columns, or gaps in the first")
    here = ~np.isnan(second)
    if here.sum() <= 2:
        raise ValueError("too few completers")
    slope, level = np.polyfit(first[here], second[here], 1)
    gain = second[here].mean() - first[here].mean()
    return pd.Series(
        {
            "complete": gain,
            "available": gain + first[here].mean() - first.mean(),
            "ml": np.mean(level + slope * first) - first.mean(),  # everybody's predicted y2
        }
    )


ALTERNATIVES = (
    Alternative("statsmodels", sandwich_by_statsmodels, "cluster_robust_ols"),
    Alternative("entry by entry", pattern_entry_by_entry, "pattern_matrix"),
    Alternative("inverses", profile_with_inverses, "gls_profile"),
    Alternative("the normal density", deviance_from_the_density, "gls_deviance"),
    Alternative("another order of steps", pattern_fit_in_a_table, "gls_pattern"),
    Alternative("total less between", fixed_effects_from_total_less_between, "fixed_effects"),
    Alternative("sorted groups", differences_of_sorted_persons, "first_difference"),
    Alternative("whitened coefficients", mundlak_by_whitening, "mundlak"),
    Alternative("residuals of nested models", anova_by_nested_models, "rm_anova"),
    Alternative("whole matrices", gee_with_whole_matrices, "gee_exch"),
    Alternative("recursion", conditional_loglik_by_recursion, "conditional_loglik"),
    Alternative("statsmodels", conditional_logit_by_statsmodels, "conditional_logit"),
    Alternative("formulas", three_regressions_by_statsmodels, "change_vs_ancova"),
    Alternative("predicted values", dropout_by_predictions, "dropout_estimates"),
)
