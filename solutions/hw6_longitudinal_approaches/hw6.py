# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Homework 6. Do unions raise the wages of young men?
#
# Young men earn more in years in which a union contract sets their wage: more than they themselves in other years, and more than other men.
# Is that what a union contract *does*, or are the men who get one different from those who do not?
#
# Data in which the same persons are measured again and again can say more about this than a single survey.
# They can be analyzed in many ways, and on the same data these ways give coefficients that differ by a factor of four.
# None of them is "the wrong formula": they answer different questions, and each leans on its own assumptions.
# In this last homework you write the most important ones, in the file `hlmtools/longitudinal.py`, and find out what each is for.
#
# **How to work.**
# As before: for each task read the formula, replace `raise NotImplementedError(...)` in `hlmtools/longitudinal.py`, save the file, replace each `...` below by your answer, and run the check under it.
# A check looks at the form of an answer, at one number that you can compute by hand, and at well-known mistakes.
# The values themselves are checked at grading, for the functions on data you have not seen.
# Covariates come as a table `X` with one named column each, the column of ones (`constant`) included, and results come back as tables with the same names.
# The file ends with functions that are given (`checked`, `varying`, `least_squares`, `occasion_blocks`, `best_par`, `totals`, `subset_sums`); read their docstrings before you write what they already do.
# Where a check says "notes 6.3", it means section 6.3 of the lecture notes, `notes.ipynb`.

# %%
import importlib
import importlib.util
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
import statsmodels.formula.api as smf
from otter.test_files import test_case  # IGNORE
from scipy import optimize

from hlmtools import load_dataset
from hlmtools.longitudinal import (
    change_vs_ancova,
    cluster_robust_ols,
    conditional_logit,
    conditional_loglik,
    dropout_estimates,
    first_difference,
    fixed_effects,
    gee_exch,
    gls_deviance,
    gls_pattern,
    gls_profile,
    mundlak,
    occasion_blocks,
    pattern_matrix,
    rm_anova,
)
from hlmtools.simulate import two_waves

sns.set_theme(style="ticks")

# %% [markdown]
# ## The data
# `males` follows 545 young men in the United States over the eight years from 1980 to 1987 (Vella and Verbeek 1998): 4360 man-years, none missing.
# `wage` is the natural logarithm of the hourly wage, so that a coefficient of 0.10 is a wage higher by a factor of $e^{0.10}$, about 10 percent.
# `union` and `married` are 0 or 1 and may change from year to year; `exper` counts years of experience; `school` (years of schooling), `black` and `hisp` never change.

# %%
males = load_dataset("males")
males.head(8)

# %% [markdown]
# How often does union coverage change at all?
# A man who is covered in all eight years, or in none, cannot show what a contract does to his own wage.

# %%
years_covered = males.groupby("nr")["union"].sum()
fig, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
sns.countplot(x=years_covered, color="#6baed6", ax=axes[0])
axes[0].set(xlabel="years under a union contract, of 8", ylabel="number of men")
shown = np.random.default_rng(2).choice(males["nr"].unique(), size=12, replace=False)
for _, man in males[males["nr"].isin(shown)].groupby("nr"):
    axes[1].plot(man["year"], man["wage"], color="#bdbdbd", linewidth=1)
mean_wage = males.pivot_table(index="year", columns="union", values="wage")
axes[1].plot(mean_wage.index, mean_wage[0], color="#0173b2", label="mean without contract")
axes[1].plot(mean_wage.index, mean_wage[1], "--", color="#d55e00", label="mean with contract")
axes[1].set(xlabel="year", ylabel="log hourly wage", ylim=(0, 3))
axes[1].legend(frameon=False, loc="lower right")
sns.despine()

# %% [markdown]
# On the left: about half of the men never had a contract, and only a few always; the others are the ones who can be compared with themselves.
# On the right: twelve men in gray, and the means of all.
# Men with a contract earn more in every year, and wages grow for everybody.

# %% [markdown]
# ## 6.1 Give least squares robust standard errors
# The simplest analysis pools all man-years and regresses log wage on the covariates.
# If the model for the mean is right, its coefficients are consistent, whatever the correlation within men.
# Its usual standard errors are not: they take 4360 man-years for independent pieces of information, but they come from 545 men.
#
# The **sandwich** repairs the standard errors without a model for the correlation.
# With $B = (X'X)^{-1}$, residuals $e = y - X\hat\beta$, and one *score* a cluster, $s_j = X_j' e_j$,
#
# $$
# \mathrm{CR0} = B \Bigl[\sum_j s_j s_j'\Bigr] B, \qquad
# \mathrm{CR1} = \frac{J}{J - 1} \cdot \frac{N - 1}{N - p} \; \mathrm{CR0} .
# $$
#
# The scores are summed within a cluster *before* they are squared; that is where the correlation comes in.
# CR1 multiplies by a correction for a finite number of clusters; it is what Stata and statsmodels report.
# Both rest on many independent clusters: with 545 they are safe, with 10 they would be too small.

# %% [raw]
# # BEGIN QUESTION
# name: task6_1

# %% [markdown]
# **Write** `cluster_robust_ols(X, y, g)`.
# It returns a table with one row a covariate and the columns `beta`, `naive`, `CR0`, `CR1` (standard errors).
# Fewer than two clusters raise a `ValueError`; other bad input is already refused by `checked`, which the function calls for you.
#
# **Apply** it to the wages, with the covariates `wage_X` below: `wage_ols`, and from it `union_ols`, the coefficient of `union`, and `union_ols_se`, its CR1 standard error.

# %%
wage_X = males.assign(constant=1.0, year=males["year"] - 1980)[
    ["constant", "black", "hisp", "union", "married", "exper", "year", "school"]
]
wage_X.describe().loc[["mean", "min", "max"]].round(2)

# %%
wage_ols = cluster_robust_ols(wage_X, males["wage"], males["nr"])  # SOLUTION 6.1
union_ols = wage_ols.loc["union", "beta"]  # SOLUTION 6.1
union_ols_se = wage_ols.loc["union", "CR1"]  # SOLUTION 6.1

# %% [markdown]
# **On other data.** The pupils of Homeworks 1 to 3: mathematics achievement on the school's mean socio-economic status, its sector (both level 2), and the pupil's own status relative to the school (level 1).
# `catholic_se` is the CR0 standard error of `catholic`.
# Then **compare** the column `naive` with `CR0`: `hurt_most` is the name of the covariate, the constant aside, whose naive standard error is too small by the largest factor.

# %%
hsb = load_dataset("hsb")
hsb_X = hsb.assign(constant=1.0, catholic=(hsb["sector"] == "Catholic") * 1.0)[
    ["constant", "meanses", "catholic", "cses"]
]

# %%
hsb_ols = cluster_robust_ols(hsb_X, hsb["mAch"], hsb["school"])  # SOLUTION 6.1
catholic_se = hsb_ols.loc["catholic", "CR0"]  # SOLUTION 6.1
hurt_most = (hsb_ols["CR0"] / hsb_ols["naive"]).drop("constant").idxmax()  # SOLUTION 6.1

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_cluster_robust_ols(cluster_robust_ols):
    import pandas as pd

    from hlmtools import check

    X = pd.DataFrame({"constant": [1.0, 1.0, 1.0, 1.0]})
    table = cluster_robust_ols(X, [10.0, 20.0, 14.0, 24.0], ["a", "b", "a", "b"])
    columns = ["beta", "naive", "CR0", "CR1"]
    check.frame(table, "cluster_robust_ols(...)", columns=columns, index=["constant"])
    check.by_hand(table.loc["constant", "beta"], 17, "beta", "the mean of 10, 14, 20, 24")
    check.by_hand(
        table.loc["constant", "CR0"] ** 2,
        12.5,
        "CR0 squared",
        "(10^2 + 10^2) / 4^2: scores -10, 10",
    )
    check.by_hand(table.loc["constant", "CR1"] ** 2, 25, "CR1 squared", "2/1 * 3/3 * 12.5")


# %%
@test_case()
def form_of_the_pooled_answers(union_ols, union_ols_se, catholic_se, hurt_most):
    from hlmtools import check

    check.number(union_ols, "union_ols", low=-1, high=1)
    check.number(union_ols_se, "union_ols_se", low=0)
    check.number(catholic_se, "catholic_se", low=0)
    check.no_slip("males_union_ols", union_ols)
    check.no_slip("males_union_ols_se", union_ols_se)
    check.no_slip("hsb_catholic_cr0", catholic_se)
    assert isinstance(hurt_most, str), 'hurt_most is a name, such as "cses".'


# %%
@test_case(points=2, hidden=True)
def sandwich_of_unequal_clusters(cluster_robust_ols):
    from autograder import expect
    from hlmtools.simulate import panel

    d = panel(23, 6, psi=2, keep=0.6, seed=6101)
    X = d.assign(constant=1.0)[["constant", "x", "w"]]
    name = "persons measured at different numbers of occasions"
    expect.agrees("cluster_robust_ols", cluster_robust_ols, X, d["y"], d["person"], name=name)


# %%
@test_case(points=0.5, hidden=True)
def labels_that_are_numbers(cluster_robust_ols):
    from autograder import expect
    from hlmtools.simulate import panel

    d = panel(9, 3, seed=6102)
    X, g = d[["x"]].assign(constant=1), [int(label[1:]) for label in d["person"]]
    expect.agrees("cluster_robust_ols", cluster_robust_ols, X, list(d["y"]), g, name="lists")


# %%
@test_case(points=0.5, hidden=True)
def single_cluster_is_refused(cluster_robust_ols):
    from autograder import expect
    from hlmtools.simulate import panel

    d = panel(2, 4, seed=6103)
    expect.raises(
        ValueError, cluster_robust_ols, d[["x"]], d["y"], ["a"] * len(d), name="a single cluster"
    )


# %%
@test_case(points=1, hidden=True)
def pooled_coefficient_of_union(union_ols, union_ols_se):
    from autograder import expect

    expect.quantity("males_union_ols", union_ols)
    expect.quantity("males_union_ols_se", union_ols_se)


# %%
@test_case(points=1, hidden=True)
def standard_errors_at_two_levels(catholic_se, hurt_most):
    from autograder import expect

    expect.quantity("hsb_catholic_cr0", catholic_se)
    expect.true(hurt_most == "catholic", "hurt_most is not the covariate with the largest ratio.")


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# Ignoring the clusters hurts most where a covariate does not vary within them: the standard error of a school's sector is nearly twice the naive one, that of a pupil's relative status only a little larger.
# `union` lies between: it varies within men, but slowly, so that a man's years are far from independent looks at it.
# Note what the sandwich does *not* do: it leaves the coefficient alone.

# %% [markdown]
# ## 6.2 Choose a pattern of covariance
# If we say how a person's measurements are correlated, we can weight them better, and give standard errors that follow from the model.
# Let $V = \sigma^2 R$ be the covariance matrix of the $T$ measurements of a person.
#
# | `kind` | element $(s, t)$ of $R$, $s \ne t$ | parameters in $R$ | in words |
# |:---|:---|:---:|:---|
# | `IND` | 0 | 0 | independence |
# | `CS` | $\rho$ | 1 | compound symmetry: all pairs alike, as with a random intercept |
# | `AR1` | $\phi^{\lvert s - t\rvert}$ | 1 | the farther apart, the less alike |
# | `UN` | anything | $T(T+1)/2 - 1$ | unstructured, with a variance for each occasion |
#
# As in Homeworks 1 and 3, coefficients and $\sigma^2$ have formulas once $R$ is known, and drop out of the deviance:
#
# $$
# \begin{aligned}
# M &= \sum_j X_j' R_j^{-1} X_j, & \hat\beta &= M^{-1} \sum_j X_j' R_j^{-1} y_j, \\
# r^2 &= \sum_j (y_j - X_j \hat\beta)' R_j^{-1} (y_j - X_j \hat\beta), & d &= \sum_j \log \lvert R_j \rvert + N \Bigl[1 + \log \frac{2\pi r^2}{N}\Bigr] .
# \end{aligned}
# $$
#
# $R_j$ holds the rows and columns of $R$ for the occasions at which person $j$ was measured, so that nobody has to be dropped for a missed visit.
# The smallest $d$ gives the maximum-likelihood fit, with $\hat\sigma^2 = r^2 / N$ and $\operatorname{Cov}(\hat\beta) = \hat\sigma^2 M^{-1}$.
#
# The data for this task are small and balanced: `orthodont`, a distance in the skull of 27 children at 8, 10, 12 and 14 years (Potthoff and Roy 1964).

# %%
orthodont = load_dataset("orthodont")
jaws = orthodont.assign(female=(orthodont["Sex"] == "Female") * 1.0, constant=1.0)
jaw_X = jaws.assign(female_age=jaws["female"] * jaws["age"])[
    ["constant", "female", "age", "female_age"]
]
fig, axes = plt.subplots(1, 2, figsize=(9, 3.8), sharey=True, layout="constrained")
for ax, (sex, children) in zip(axes, jaws.groupby("Sex", observed=True), strict=True):
    for _, child in children.groupby("Subject"):
        ax.plot(child["age"], child["distance"], color="#bdbdbd", linewidth=1)
    mean = children.groupby("age")["distance"].mean()
    ax.plot(mean.index, mean, "o-", color="#0173b2", linewidth=2.5, label="mean")
    ax.set(title=sex, xlabel="age (years)", xticks=[8, 10, 12, 14])
axes[0].set_ylabel("distance (mm)")
axes[0].legend(frameon=False)
sns.despine()

# %% [raw]
# # BEGIN QUESTION
# name: task6_2

# %% [markdown]
# **Write** four short functions, each of which calls the one before:
# - `pattern_matrix(kind, par, T)`, the matrix $R$;
# - `gls_profile(par, kind, blocks)`, which solves for $\hat\beta$; `blocks` is what the given function `occasion_blocks` returns, persons stacked by the occasions they have;
# - `gls_deviance(par, kind, blocks)`;
# - `gls_pattern(X, y, g, t, kind)`, the fit; the given function `best_par` does the search.
#
# **Apply** them to the jaws.
# `jaw_deviance_half` is the deviance under compound symmetry at $\rho = 0.5$.
# `jaw_ind`, `jaw_cs`, `jaw_ar1` and `jaw_un` are the four fits.

# %% tags=["raises-exception"]
print(pattern_matrix("AR1", [0.6], 4).round(3))
jaw_blocks = occasion_blocks(jaw_X, jaws["distance"], jaws["Subject"], jaws["age"])
at_half = gls_profile([0.5], "CS", jaw_blocks)
pd.Series(at_half.beta, index=jaw_X.columns).round(3)

# %%
jaw_deviance_half = gls_deviance([0.5], "CS", jaw_blocks)  # SOLUTION 6.2
jaw_ind = gls_pattern(jaw_X, jaws["distance"], jaws["Subject"], jaws["age"], "IND")  # SOLUTION 6.2
jaw_cs = gls_pattern(jaw_X, jaws["distance"], jaws["Subject"], jaws["age"], "CS")  # SOLUTION 6.2
jaw_ar1 = gls_pattern(jaw_X, jaws["distance"], jaws["Subject"], jaws["age"], "AR1")  # SOLUTION 6.2
jaw_un = gls_pattern(jaw_X, jaws["distance"], jaws["Subject"], jaws["age"], "UN")  # SOLUTION 6.2

# %% [markdown]
# From these fits:
# - `jaw_un_aic`, Akaike's criterion of the unstructured fit, and `best_pattern`, the kind with the smallest AIC, as text;
# - `jaw_un_vs_cs`, the likelihood-ratio statistic of UN against CS;
# - `jaw_phi`, the estimated correlation of neighboring visits under AR1;
# - `jaw_growth_se`, the standard error of `female_age`, the difference in growth, under CS.
#
# **Draw** the correlation of two visits against the years between them, as each of UN, CS and AR1 has it, in one picture.
# (`fit.Sigma` is the covariance matrix; UN has several values at each distance.)
#
# **On the wages.** With all men measured in all years, compound symmetry *is* the model with a random intercept.
# `wage_re` is that fit, with the covariates `wage_X`; `union_re` its coefficient of `union`.

# %%
jaw_un_aic = jaw_un.aic  # SOLUTION 6.2
best_pattern = min([jaw_ind, jaw_cs, jaw_ar1, jaw_un], key=lambda fit: fit.aic).kind  # SOLUTION 6.2
jaw_un_vs_cs = 2 * (jaw_un.llf - jaw_cs.llf)  # SOLUTION 6.2
jaw_phi = jaw_ar1.Sigma[0, 1] / jaw_ar1.Sigma[0, 0]  # SOLUTION 6.2
jaw_growth_se = jaw_cs.table.loc["female_age", "se"]  # SOLUTION 6.2

# %%
# correlations against the years between two visits
# BEGIN SOLUTION 6.2
s, t = np.triu_indices(4, 1)
fig, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
for fit, style in [(jaw_un, "o"), (jaw_cs, "-"), (jaw_ar1, "--")]:
    sd = np.sqrt(np.diag(fit.Sigma))
    correlation = fit.Sigma / np.outer(sd, sd)
    order = np.argsort(t - s)
    ax.plot(2 * (t - s)[order], correlation[s, t][order], style, label=fit.kind)
ax.set(xlabel="years between two visits", ylabel="correlation", xticks=[2, 4, 6], ylim=(0, 1))
ax.legend(title="pattern", frameon=False)
sns.despine()
# END SOLUTION

# %%
wage_re = gls_pattern(wage_X, males["wage"], males["nr"], males["year"], "CS")  # SOLUTION 6.2
union_re = wage_re.table.loc["union", "beta"]  # SOLUTION 6.2

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_pattern_matrix(pattern_matrix):
    from hlmtools import check

    check.by_hand(
        pattern_matrix("CS", [0.5], 2),
        [[1, 0.5], [0.5, 1]],
        "the CS pattern",
        "0.5 off the diagonal",
    )
    check.by_hand(
        pattern_matrix("UN", [2.0, 3.0], 2),
        [[1, 2], [2, 13]],
        "the UN pattern",
        "L = [[1, 0], [2, 3]], L L' = [[1, 2], [2, 4 + 9]]",
    )


# %%
@test_case()
def form_of_the_deviance(gls_profile, gls_deviance):
    import math

    import numpy as np

    from hlmtools import check
    from hlmtools.records import Block

    X, y = np.ones((2, 2, 1)), np.array([[1.0, 3.0], [5.0, 7.0]])
    blocks = [Block(np.array([0, 1]), X, y, 2)]
    found = gls_profile([0.5], "CS", blocks)
    check.by_hand(found.beta, [4], "beta of 1, 3 | 5, 7", "equal weights: their mean")
    check.by_hand(found.r2, 56 / 3, "r2 at rho = 0.5", "twice (4*9 - 2*2*3 + 4*1) / 3")
    check.by_hand(
        gls_deviance([0.5], "CS", blocks),
        2 * math.log(0.75) + 4 * (1 + math.log(2 * math.pi * 56 / 12)),
        "the deviance at rho = 0.5",
        "2 log 0.75 + 4 [1 + log(2 pi (56/3) / 4)]",
    )


# %%
@test_case()
def form_of_gls_pattern(gls_pattern):
    import pandas as pd

    from hlmtools import check

    X = pd.DataFrame({"constant": [1.0, 1.0, 1.0, 1.0]})
    fit = gls_pattern(X, [1, 3, 5, 7], ["a", "a", "b", "b"], [1, 2, 1, 2], "IND")
    check.frame(fit.table, "gls_pattern(...).table", columns=["beta", "se"], index=["constant"])
    check.by_hand(fit.Sigma[0, 0], 5, "the variance of 1, 3 | 5, 7", "(9 + 1 + 1 + 9) / 4")
    check.by_hand(fit.table["se"] ** 2, [1.25], "se squared", "5 / 4")
    check.number(fit.n_par, "n_par", low=1)


# %%
@test_case()
def form_of_the_pattern_answers(
    jaw_deviance_half, jaw_un_aic, jaw_un_vs_cs, jaw_phi, jaw_growth_se, best_pattern, union_re
):
    from hlmtools import check

    check.no_slip("jaw_deviance_half", jaw_deviance_half)
    check.number(jaw_deviance_half, "jaw_deviance_half", low=0)
    check.number(jaw_un_aic, "jaw_un_aic", low=0)
    check.no_slip("jaw_un_aic", jaw_un_aic)
    check.number(jaw_un_vs_cs, "jaw_un_vs_cs", low=0)
    check.no_slip("jaw_un_vs_cs", jaw_un_vs_cs)
    check.no_slip("jaw_phi", jaw_phi)
    check.number(jaw_phi, "jaw_phi", low=-1, high=1)
    check.number(jaw_growth_se, "jaw_growth_se", low=0)
    check.no_slip("jaw_growth_se", jaw_growth_se)
    check.number(union_re, "union_re", low=-1, high=1)
    check.no_slip("males_union_re", union_re)
    assert best_pattern in ("IND", "CS", "AR1", "UN"), "best_pattern is one of the four kinds."


# %%
@test_case(points=1, hidden=True)
def patterns_of_five_occasions(pattern_matrix):
    from autograder import expect

    for kind, par in [("IND", []), ("CS", [-0.15]), ("AR1", [-0.6]), ("AR1", [0.83])]:
        expect.agrees("pattern_matrix", pattern_matrix, kind, par, 5, name=f"{kind}, 5 occasions")
    par = [0.4, -0.3, 1.2, 0.7, 0.1, 2.0, -0.5, 0.9, 1.5]
    expect.agrees("pattern_matrix", pattern_matrix, "UN", par, 4, name="UN with 4 occasions")
    expect.raises(ValueError, pattern_matrix, "TOEP", [0.1], 3, name="a kind that is not known")
    expect.raises(ValueError, pattern_matrix, "CS", [0.1, 0.2], 3, name="a par that is too long")


# %%
@test_case(points=2, hidden=True)
def deviance_off_the_optimum(gls_profile, gls_deviance):
    from autograder import expect
    from hlmtools.simulate import panel

    d = panel(14, 4, phi=0.5, keep=0.7, seed=6201)
    X = d.assign(constant=1.0)[["constant", "x", "w"]]
    blocks = expect.solved().occasion_blocks(X, d["y"], d["person"], d["time"])
    for kind, par in [("IND", []), ("CS", [0.2]), ("AR1", [-0.3]), ("AR1", [0.9])]:
        where = f"missed visits, {kind} away from its optimum"
        expect.agrees("gls_deviance", gls_deviance, par, kind, blocks, name=where)
    par = [0.4, -0.3, 1.2, 0.7, 0.1, 2.0, -0.5, 0.9, 1.5]
    expect.agrees("gls_deviance", gls_deviance, par, "UN", blocks, name="UN, missed visits")
    want = expect.solved().gls_profile(par, "UN", blocks)
    expect.close(gls_profile(par, "UN", blocks).beta, want.beta, name="beta at a given UN pattern")


# %%
@test_case(points=1.5, hidden=True)
def fit_with_missed_visits(gls_pattern):
    from autograder import expect
    from hlmtools.simulate import panel

    d = panel(40, 3, psi=2, phi=0.3, keep=0.8, seed=6202)
    X = d.assign(constant=1.0)[["constant", "x", "w"]]
    for kind in ("CS", "AR1"):
        arguments = (X, d["y"], d["person"], d["time"], kind)
        want, got = expect.solved().gls_pattern(*arguments), gls_pattern(*arguments)
        expect.close(got.deviance, want.deviance, "deviance", f"the deviance of {kind}")
        expect.close(got.Sigma, want.Sigma, "variance_component", f"Sigma of {kind}")
        expect.frame(got.table, want.table, "prediction", f"the table of {kind}")
        expect.close(got.aic, want.aic, "deviance", f"the AIC of {kind}")


# %%
@test_case(points=1.5, hidden=True)
def patterns_of_the_jaws(jaw_deviance_half, jaw_un_aic, jaw_un_vs_cs, jaw_phi, best_pattern):
    from autograder import expect

    expect.quantity("jaw_deviance_half", jaw_deviance_half)
    expect.quantity("jaw_un_aic", jaw_un_aic)
    expect.quantity("jaw_un_vs_cs", jaw_un_vs_cs)
    expect.quantity("jaw_phi", jaw_phi)
    expect.true(best_pattern == "CS", "best_pattern is not the kind with the smallest AIC.")


# %%
@test_case(points=0.5, hidden=True)
def likelihoods_of_two_patterns(jaw_cs, jaw_ar1, jaw_growth_se):
    from autograder import expect

    expect.quantity("jaw_cs_llf", jaw_cs.llf)
    expect.quantity("jaw_ar1_llf", jaw_ar1.llf)
    expect.quantity("jaw_growth_se", jaw_growth_se)


# %%
@test_case(points=0.5, hidden=True)
def random_intercept_of_the_wages(union_re):
    from autograder import expect

    expect.quantity("males_union_re", union_re)


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# Set two fits side by side.

# %% tags=["raises-exception"]
side = pd.concat({"IND": jaw_ind.table, "CS": jaw_cs.table}, axis=1)
side.round(4)

# %% [markdown]
# With balanced data the coefficients are *identical*; only the standard errors change, and in both directions.
# Ignoring the correlation makes the standard error of `female_age`, a comparison of growth *within* children, too large, and that of `female`, a comparison *between* children, too small.
# "Ignoring clusters makes standard errors too small" is half the truth.
#
# Read your picture too: the unstructured correlations hardly fall with the years between visits, so a pattern that makes them fall fits worse than one constant correlation, although both have one parameter.
# Eight parameters more buy the unstructured pattern 9.2 points of deviance, which is what chance gives on 8 degrees of freedom.

# %% [markdown]
# ## 6.3 Compare each man with himself
# Pooled, a coefficient mixes two comparisons: between men with and without a contract, and between a man's own years with and without one.
# Men differ in many ways that the data do not hold.
# If these ways go together with contracts, the first comparison is confounded, and a random intercept does not help: it *assumes* that the men's levels $\zeta_j$ are independent of the covariates.
#
# Three ways to use the second comparison alone.
#
# **Fixed effects.** Subtract each man's own means ($\dot x$, $\dot y$) and use least squares:
#
# $$
# \hat\beta = (\dot X'\dot X)^{-1} \dot X' \dot y, \qquad \hat\sigma^2 = \frac{\text{sum of squared residuals}}{N - J - k} .
# $$
#
# The $J$ means cost $J$ degrees of freedom.
# What does not vary within men (`school`, `black`, `hisp`) is gone: nothing about it can be estimated.
#
# **First differences.** Subtract the year before instead, and use least squares on the $N - J$ differences.
#
# **Mundlak's device.** Keep the random intercept, and add each man's means of `union` and `married` as covariates.
# Then the coefficient of `union` is the one within men, and the coefficient of its mean is how much the one between men differs from it.
# If all such differences are zero, the random-intercept model without them would do; the Wald test of that is $d' C^{-1} d$, compared with $\chi^2$.

# %% [raw]
# # BEGIN QUESTION
# name: task6_3

# %% [markdown]
# **Write** `fixed_effects(X, y, g)`, `first_difference(X, y, g, t)` and `mundlak(X, y, g, columns)`.
# The given functions `varying` (leaves out what does not vary within persons, and refuses what moves in step) and `least_squares` (a table from given degrees of freedom) do part of it.
# In `first_difference` the rows may come in any order.
# Experience grows by one every year for every man: its difference is the constant 1, and its coefficient the average growth.
#
# **Apply** them to the wages.
# Use `within_X` for the first two: within men, `exper` and `year` move in step, so one of them has to go.
# - `union_fe` and `union_fe_se`, `union_fd`: coefficient (and standard error) of `union`;
# - `wage_mundlak`, with the means of `union` and `married` added to `wage_X`; from it `union_contextual`, the coefficient of the mean of `union`, and `mundlak_stat`, the Wald statistic;
# - `union_between`, the coefficient of `union` between men, from two numbers of `wage_mundlak.table`.

# %%
within_X = wage_X.drop(columns="year")

# %%
union_fe = fixed_effects(within_X, males["wage"], males["nr"]).loc["union", "beta"]  # SOLUTION 6.3
union_fe_se = fixed_effects(within_X, males["wage"], males["nr"]).loc["union", "se"]  # SOLUTION 6.3

# %%
# BEGIN SOLUTION 6.3 NO PROMPT
wage_steps = first_difference(within_X, males["wage"], males["nr"], males["year"])
# END SOLUTION
union_fd = wage_steps.loc["union", "beta"]  # SOLUTION 6.3

# %%
wage_mundlak = mundlak(wage_X, males["wage"], males["nr"], ["union", "married"])  # SOLUTION 6.3
union_contextual = wage_mundlak.table.loc["mean of union", "beta"]  # SOLUTION 6.3
mundlak_stat = wage_mundlak.stat  # SOLUTION 6.3
union_between = wage_mundlak.table.loc["union", "beta"] + union_contextual  # SOLUTION 6.3

# %% [markdown]
# **Draw** your estimates of `union`: pooled (6.1), random intercept (6.2), fixed effects and first differences as points with intervals of 1.96 standard errors, one below the other, and the coefficient between men as a point.
# Take the CR1 standard error for the pooled one.

# %%
# one row an estimator
# BEGIN SOLUTION 6.3
rows = pd.DataFrame(
    {
        "between men": (union_between, np.nan),
        "pooled": (union_ols, union_ols_se),
        "random intercept": tuple(wage_re.table.loc["union"]),
        "fixed effects": (union_fe, union_fe_se),
        "first differences": tuple(wage_steps.loc["union"]),
    },
    index=["beta", "se"],
).T
fig, ax = plt.subplots(figsize=(7, 3.4), layout="constrained")
ax.errorbar(rows["beta"], rows.index, xerr=1.96 * rows["se"].fillna(0), fmt="o", color="#0173b2")
ax.axvline(0, color="gray", linewidth=0.8)
ax.invert_yaxis()
ax.set_xlabel("coefficient of union (log wage)")
sns.despine()
# END SOLUTION

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_the_within_estimators(fixed_effects, first_difference):
    import pandas as pd

    from hlmtools import check

    X = pd.DataFrame({"x": [2.0, 0.0, 0.0, 2.0], "born": [1.0, 1.0, 3.0, 3.0]})
    y, g, t = [5.0, 1.0, 8.0, 10.0], ["a", "a", "b", "b"], [2, 1, 1, 2]
    table = fixed_effects(X, y, g)
    check.frame(table, "fixed_effects(...)", columns=["beta", "se"], index=["x"])
    check.by_hand(table.loc["x", "beta"], 1.5, "the slope", "(1*2 + 1*2 + 1*1 + 1*1) / 4")
    check.by_hand(table.loc["x", "se"], 0.5, "its se", "sqrt(4 * 0.25 / (4 - 2 - 1) / 4)")
    table = first_difference(X, y, g, t)
    check.frame(table, "first_difference(...)", columns=["beta", "se"], index=["x"])
    check.by_hand(
        table.loc["x", "beta"], 1.5, "the slope", "differences 2, 2 and 4, 2: (8 + 4) / 8"
    )


# %%
@test_case()
def form_of_mundlak(mundlak):
    import pandas as pd

    from hlmtools import check

    X = pd.DataFrame({"constant": 1.0, "x": [0.0, 2.0, 1.0, 3.0, 4.0, 5.0]})
    found = mundlak(X, [1.0, 5.0, 8.0, 10.0, 3.0, 4.0], ["a", "a", "b", "b", "c", "c"], ["x"])
    check.frame(
        found.table, "the table", columns=["beta", "se"], index=["constant", "x", "mean of x"]
    )
    check.by_hand(
        round(float(found.table.loc["x", "beta"]), 6),
        round(13 / 9, 6),
        "the slope within",
        "deviations 1, 1, 0.5 of x and 2, 1, 0.5 of y: (2 + 1 + 0.25) / (1 + 1 + 0.25)",
    )
    check.number(found.stat, "stat", low=0)


# %%
@test_case()
def form_of_the_within_answers(
    union_fe, union_fe_se, union_fd, union_contextual, mundlak_stat, union_between
):
    from hlmtools import check

    check.number(union_fe, "union_fe", low=-1, high=1)
    check.no_slip("males_union_fe", union_fe)
    check.number(union_fe_se, "union_fe_se", low=0)
    check.no_slip("males_union_fe_se", union_fe_se)
    check.number(union_fd, "union_fd", low=-1, high=1)
    check.no_slip("males_union_fd", union_fd)
    check.number(union_contextual, "union_contextual", low=-1, high=1)
    check.no_slip("males_union_contextual", union_contextual)
    check.number(mundlak_stat, "mundlak_stat", low=0)
    check.no_slip("males_mundlak_stat", mundlak_stat)
    check.number(union_between, "union_between", low=-1, high=1)


# %%
@test_case(points=1.5, hidden=True)
def deviations_of_unequal_persons(fixed_effects):
    from autograder import expect
    from hlmtools.simulate import panel

    d = panel(30, 5, link=0.8, keep=0.6, seed=6301)
    X = d.assign(constant=1.0, square=d["x"] ** 2)[["constant", "x", "w", "square"]]
    name = "persons whose levels go with x"
    expect.agrees("fixed_effects", fixed_effects, X, d["y"], d["person"], name=name)
    together = X.assign(twice=2 * d["x"] + d["w"])
    expect.raises(
        ValueError, fixed_effects, together, d["y"], d["person"], name="columns that move in step"
    )


# %%
@test_case(points=1.5, hidden=True)
def steps_in_any_order(first_difference):
    from autograder import expect
    from hlmtools.simulate import panel

    d = panel(25, 5, link=0.8, phi=0.7, seed=6302)
    X = d.assign(constant=1.0)[["constant", "x", "w", "time"]]
    args = (X, d["y"], d["person"], d["time"])
    expect.agrees("first_difference", first_difference, *args, name="shuffled rows")


# %%
@test_case(points=1, hidden=True)
def means_added_and_tested(mundlak, fixed_effects):
    from autograder import expect
    from hlmtools.simulate import panel

    d = panel(30, 4, link=0.6, keep=0.8, seed=6303)
    X = d.assign(constant=1.0, z=d["x"] ** 3)[["constant", "w", "x", "z"]]
    arguments = (X, d["y"], d["person"], ["x", "z"])
    found, want = mundlak(*arguments), expect.solved().mundlak(*arguments)
    expect.frame(found.table, want.table, "prediction", "the table")
    expect.agrees(
        "mundlak", mundlak, *arguments, fields=("stat", "df"), tolerance="p_value", name="two means"
    )
    expect.raises(ValueError, mundlak, X, d["y"], d["person"], ["w"], name="a mean that is its own")
    expect.raises(ValueError, mundlak, X, d["y"], d["person"], ["v"], name="a column that is none")


# %%
@test_case(points=1, hidden=True)
def union_within_men(union_fe, union_fe_se, union_fd):
    from autograder import expect

    expect.quantity("males_union_fe", union_fe)
    expect.quantity("males_union_fe_se", union_fe_se)
    expect.quantity("males_union_fd", union_fd)


# %%
@test_case(points=1, hidden=True)
def union_between_men(union_contextual, mundlak_stat, union_between, wage_mundlak):
    from autograder import expect

    expect.quantity("males_union_contextual", union_contextual)
    expect.quantity("males_mundlak_stat", mundlak_stat)
    total = float(wage_mundlak.table.loc["union", "beta"]) + union_contextual
    expect.close(union_between, total, "ratio", "union_between")


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# Read your picture from top to bottom.
# Between men the coefficient is largest, within men it is a third of that, and the pooled and random-intercept estimates are mixtures of the two: pooled leans to the comparison between men, the random intercept to that within.
# The test says that the two are not the same in these data, so the mixtures estimate neither.
#
# First differences give half of what fixed effects give, although both compare a man with himself.
# Under the model, with *strict exogeneity* (errors of one year have nothing to do with contracts in any other year), both estimate the same number; that they differ this much hints that something in it fails.
# Two candidates: a contract may take years to show in the wage, which one-year steps miss; and contracts reported by mistake weigh more in differences than in deviations.

# %% [markdown]
# ## 6.4 Split the sums of squares of repeated measures
# Before mixed models, balanced data such as the jaws were analyzed by splitting sums of squares, in an **analysis of variance with repeated measures**.
# With child means $\bar y_j$, group means $\bar y_g$, overall mean $\bar y$, deviations $d_{tj} = y_{tj} - \bar y_j$ and their means over groups and times:
#
# | part | effect | sum of squares | degrees of freedom |
# |:---|:---|:---|:---|
# | between children | group | $T \sum_g n_g (\bar y_g - \bar y)^2$ | $G - 1$ |
# | | error | $T \sum_j (\bar y_j - \bar y_{g(j)})^2$ | $J - G$ |
# | within children | time | $J \sum_t \bar d_t^2$ | $T - 1$ |
# | | group by time | $\sum_g n_g \sum_t (\bar d_{tg} - \bar d_t)^2$ | $(G-1)(T-1)$ |
# | | error | $\sum_{tj} (d_{tj} - \bar d_{t g(j)})^2$ | $(J-G)(T-1)$ |
#
# There are *two* errors, and each effect is held against that of its own part.
# The within part assumes that all pairs of times are equally correlated: it is compound symmetry in other clothes.

# %% [raw]
# # BEGIN QUESTION
# name: task6_4

# %% [markdown]
# **Write** `rm_anova(y, subject, group, time)`.
# It returns the rows `group`, `time` and `group:time` with the columns `F`, `df1`, `df2` and `p`.
# A subject that lacks a time, has one twice or changes its group raises a `ValueError`.
#
# **Apply** it to the jaws, with the sexes as groups: `jaw_anova`, and from it `jaw_f_group`, `jaw_f_both` (group by time) and `jaw_p_both`.

# %%
jaw_anova = rm_anova(jaws["distance"], jaws["Subject"], jaws["Sex"], jaws["age"])  # SOLUTION 6.4
jaw_f_group = jaw_anova.loc["group", "F"]  # SOLUTION 6.4
jaw_f_both = jaw_anova.loc["group:time", "F"]  # SOLUTION 6.4
jaw_p_both = jaw_anova.loc["group:time", "p"]  # SOLUTION 6.4

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_rm_anova(rm_anova):
    from hlmtools import check

    y, subject = [1, 3, 3, 5, 5, 9, 7, 13], list("aabbccdd")
    table = rm_anova(y, subject, [1, 1, 1, 1, 2, 2, 2, 2], [1, 2] * 4)
    check.frame(
        table,
        "rm_anova(...)",
        columns=["F", "df1", "df2", "p"],
        index=["group", "time", "group:time"],
    )
    check.by_hand(table.loc["group", "F"], 60.5 / 6.5, "F of group", "60.5 / (13 / 2)")
    check.by_hand(table.loc["time", "F"], 49, "F of time", "24.5 / (1 / 2)")
    check.by_hand(table.loc["group:time", "F"], 9, "F of group:time", "4.5 / (1 / 2)")
    check.by_hand(table["df2"], [2, 2, 2], "df2", "4 - 2, (4 - 2) * 1, (4 - 2) * 1")


# %%
@test_case()
def form_of_the_anova_of_the_jaws(jaw_f_group, jaw_f_both, jaw_p_both):
    from hlmtools import check

    check.number(jaw_f_group, "jaw_f_group", low=0)
    check.number(jaw_f_both, "jaw_f_both", low=0)
    check.number(jaw_p_both, "jaw_p_both", low=0, high=1)
    check.no_slip("jaw_f_group", jaw_f_group)
    check.no_slip("jaw_f_both", jaw_f_both)
    check.no_slip("jaw_p_both", jaw_p_both)


# %%
@test_case(points=2, hidden=True)
def three_groups_of_unequal_size(rm_anova):
    from autograder import expect
    from hlmtools.simulate import panel

    d = panel(17, 4, psi=3, seed=6401)
    group = d["person"].map(lambda label: "xyz"[int(label[1:]) % 7 % 3])
    args = (d["y"], d["person"], group, d["time"])
    expect.agrees("rm_anova", rm_anova, *args, tolerance="p_value", name="three groups")
    want = expect.solved().rm_anova(*args)
    expect.frame(rm_anova(*args), want, name="the table", columns=["F", "df1", "df2"])


# %%
@test_case(points=0.5, hidden=True)
def missing_visit_is_refused(rm_anova):
    from autograder import expect

    y, subject, group = [1.0, 2.0, 4.0, 3.0, 6.0], list("aabbc"), [1, 1, 2, 2, 2]
    expect.raises(ValueError, rm_anova, y, subject, group, [1, 2, 1, 2, 1], name="a missing time")


# %%
@test_case(points=1.5, hidden=True)
def anova_of_the_jaws(jaw_f_group, jaw_f_both, jaw_p_both):
    from autograder import expect

    expect.quantity("jaw_f_group", jaw_f_group)
    expect.quantity("jaw_f_both", jaw_f_both)
    expect.quantity("jaw_p_both", jaw_p_both)


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# The same F comes out of the compound-symmetry model with a mean for every sex and age: it is that model's Wald statistic for the interaction, divided by its 3 degrees of freedom, and by $J/(J-G)$ because maximum likelihood divides by too much.

# %% tags=["raises-exception"]
ages = pd.get_dummies(jaws["age"]).astype(float)[[10, 12, 14]].add_prefix("age ")
products = ages.mul(jaws["female"], axis=0).add_prefix("female x ")
cells = jaws[["constant", "female"]].join(ages).join(products)
saturated = gls_pattern(cells, jaws["distance"], jaws["Subject"], jaws["age"], "CS")
d = saturated.table.loc[products.columns, "beta"]
wald = d @ np.linalg.solve(saturated.cov.loc[products.columns, products.columns], d)
print(f"F by sums of squares {jaw_f_both:.4f}, by the covariance pattern {wald / 3 * 25 / 27:.4f}")

# %% [markdown]
# So nothing is lost by moving from analysis of variance to models, and much is gained: children with a missed visit, ages that differ, covariates that change, other patterns.
# Note also that the test with 3 degrees of freedom does not see what the single coefficient `female_age` of Task 6.2 shows, a slower growth of girls: a test of everything is weak against something in particular.

# %% [markdown]
# ## 6.5 Fit a marginal model by estimating equations
# `ohio` holds 537 children, at four yearly visits from 7 to 10 years: do they wheeze, and did the mother smoke?
# In Homework 4 you fitted a logistic model with a random intercept.
# Its coefficients compare a child with *itself*, or with a child of the same $\zeta_j$, under another value of the covariate.
# A public-health officer asks something else: in the *population*, what are the odds of wheezing among children of smokers compared with others?
#
# A **marginal model** says only that: $\operatorname{logit} P(y_{ij} = 1) = x_{ij}'\beta$, no $\zeta_j$.
# **Generalized estimating equations** (Liang and Zeger 1986) estimate it with a *working* correlation $\alpha$, the same for all pairs, and repair the standard errors with the sandwich of Task 6.1.
# With $\mu$ the mean, $v = \mu(1 - \mu)$ the variance, Pearson residuals $r = (y - \mu)/\sqrt v$ and $W$ the rows of $X$ times $\sqrt v$, repeat
#
# $$
# \phi = \frac{\sum r^2}{N}, \qquad
# \alpha = \frac{\sum_j \sum_{s<t} r_{sj} r_{tj}}{\phi \cdot \#\text{pairs}}, \qquad
# \beta \leftarrow \beta + M^{-1} \sum_j s_j,
# $$
#
# with $M = \sum_j W_j' R_j^{-1} W_j$ and scores $s_j = W_j' R_j^{-1} r_j$, where $R_j$ has $\alpha$ off its diagonal.
# ($\phi$ is a scale factor here, not the correlation of neighboring visits of Task 6.2.)
# At the end $M^{-1} [\sum_j s_j s_j'] M^{-1}$ is the robust covariance matrix, right even if the correlation is not.

# %% [raw]
# # BEGIN QUESTION
# name: task6_5

# %% [markdown]
# **Write** `gee_exch(X, y, g, family="binomial")`.
# It returns a `GEEResult` with `table` (columns `beta`, `naive`, `robust`), `alpha` and `phi`.
# With `family="gaussian"` the mean is $X\beta$ and $v = 1$.
# The docstring shows how $R_j^{-1}$ turns into sums over clusters, so that no matrix has to be inverted cluster by cluster.
#
# **Apply** it to `ohio`, with the covariates `wheeze_X` (`age` is counted from 9 years): `wheeze_gee`, and from it
# - `smoke_gee` and `smoke_gee_se`: coefficient of `smoke` and its robust standard error;
# - `wheeze_alpha`;
# - `smoke_or`: the odds ratio of wheezing at age 9, children of smoking mothers against others.

# %%
ohio = load_dataset("ohio")
wheeze_X = ohio.assign(constant=1.0, age_smoke=ohio["age"] * ohio["smoke"])[
    ["constant", "age", "smoke", "age_smoke"]
]
visits = ohio.assign(age=ohio["age"] + 9)
visits.pivot_table(index="smoke", columns="age", values="resp").round(3)

# %%
wheeze_gee = gee_exch(wheeze_X, ohio["resp"], ohio["id"])  # SOLUTION 6.5
smoke_gee = wheeze_gee.table.loc["smoke", "beta"]  # SOLUTION 6.5
smoke_gee_se = wheeze_gee.table.loc["smoke", "robust"]  # SOLUTION 6.5
wheeze_alpha = wheeze_gee.alpha  # SOLUTION 6.5
smoke_or = np.exp(smoke_gee)  # SOLUTION 6.5

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_gee_exch(gee_exch):
    import pandas as pd

    from hlmtools import check

    X = pd.DataFrame({"constant": [1.0, 1.0, 1.0, 1.0]})
    fit = gee_exch(X, [1.0, 5.0, 3.0, 7.0], ["a", "b", "a", "b"], family="gaussian")
    columns = ["beta", "naive", "robust"]
    check.frame(fit.table, "gee_exch(...).table", columns=columns, index=["constant"])
    check.by_hand(fit.table.loc["constant", "beta"], 4, "beta of 1, 3 | 5, 7", "their mean")
    check.by_hand(fit.alpha, 0.6, "alpha of 1, 3 | 5, 7", "(3 + 3) / (5 * 2)")
    check.by_hand(fit.table.loc["constant", "robust"] ** 2, 2, "robust squared", "(16 + 16) / 16")


# %%
@test_case()
def form_of_the_marginal_answers(smoke_gee, smoke_gee_se, wheeze_alpha, smoke_or):
    from hlmtools import check

    check.number(smoke_gee, "smoke_gee", low=-2, high=2)
    check.no_slip("wheeze_smoke_gee", smoke_gee)
    check.number(smoke_gee_se, "smoke_gee_se", low=0)
    check.no_slip("wheeze_smoke_gee_se", smoke_gee_se)
    check.number(wheeze_alpha, "wheeze_alpha", low=-1, high=1)
    check.no_slip("wheeze_alpha", wheeze_alpha)
    check.number(smoke_or, "smoke_or", low=0)
    check.no_slip("wheeze_smoke_or", smoke_or)


# %%
@test_case(points=2, hidden=True)
def marginal_model_of_unequal_clusters(gee_exch):
    from autograder import expect
    from hlmtools.simulate import panel

    d = panel(60, 5, psi=2, keep=0.6, seed=6501)
    X = d.assign(constant=1.0)[["constant", "x", "w"]]
    arguments = (X, d["yes"], d["person"])
    want, got = expect.solved().gee_exch(*arguments), gee_exch(*arguments)
    where = "unequal clusters"
    expect.agrees(
        "gee_exch", gee_exch, *arguments, fields=("alpha", "phi"), tolerance="ratio", name=where
    )
    expect.frame(got.table, want.table, "fixed_effect", "beta", columns=["beta"])
    expect.frame(got.table, want.table, "standard_error", "the standard errors")


# %%
@test_case(points=0.5, hidden=True)
def linear_marginal_model(gee_exch):
    from autograder import expect
    from hlmtools.simulate import panel

    d = panel(30, 4, psi=2, keep=0.7, seed=6502)
    X = d.assign(constant=1.0)[["constant", "x", "w"]]
    arguments = (X, d["y"], d["person"], "gaussian")
    want, got = expect.solved().gee_exch(*arguments), gee_exch(*arguments)
    expect.frame(got.table, want.table, "standard_error", "the table of a linear model")
    one_pair = (X[:5], d["y"][:5], list("abcda"), "gaussian")
    want, got = expect.solved().gee_exch(*one_pair), gee_exch(*one_pair)
    expect.frame(got.table, want.table, "standard_error", "the table with one pair of rows")


# %%
@test_case(points=0.5, hidden=True)
def what_has_no_marginal_model_is_refused(gee_exch):
    from autograder import expect
    from hlmtools.simulate import panel

    d = panel(30, 4, psi=2, keep=0.7, seed=6503)
    X, g = d.assign(constant=1.0)[["constant", "x"]], d["person"]
    expect.raises(ValueError, gee_exch, X, d["y"], g, "poisson", name="a family of another name")
    expect.raises(ValueError, gee_exch, X, d["yes"] / 2, g, name="a y that is not 0 or 1")
    expect.raises(ValueError, gee_exch, X, d["yes"], range(len(d)), name="clusters of one row")
    expect.raises(ValueError, gee_exch, X, d["yes"], g, tol=0.0, name="a tol that is never reached")


# %%
@test_case(points=1, hidden=True)
def smoking_in_the_population(smoke_gee, smoke_gee_se, smoke_or):
    import math

    from autograder import expect

    expect.quantity("wheeze_smoke_gee", smoke_gee)
    expect.quantity("wheeze_smoke_gee_se", smoke_gee_se)
    expect.quantity("wheeze_smoke_or", smoke_or, follows=lambda: math.exp(smoke_gee))


# %%
@test_case(points=1, hidden=True)
def working_correlation(wheeze_alpha):
    from autograder import expect

    expect.quantity("wheeze_alpha", wheeze_alpha)


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# Your coefficient of `smoke` is about two thirds of the 0.46 that the mixed model gives (Homework 4).
# Both are right.
# The odds ratio of 1.59 compares two children with the same $\zeta_j$; averaged over children, who differ a great deal in $\zeta_j$, the curves of the population are flatter.
# (In linear models the two coincide. It is the logistic curve that makes averages flatter.)
#
# The working correlation $\alpha$ is a tool, not a finding: packages define it slightly differently, and the robust standard errors do not believe it anyway.

# %% [markdown]
# ## 6.6 Compare each child with itself, by conditional likelihood
# For a yes-or-no response, what does "compare each child with itself" mean?
# An intercept for each of 537 children would do harm: with four visits a child, estimating it pushes the other coefficients away from zero.
# Chamberlain (1980) conditions on the *number* of ones of each child instead.
# Given that child $j$ wheezed at $k_j$ of its visits, the probability that it was at just these is
#
# $$
# P_j = \frac{\exp \sum_{i: y_i = 1} x_i'\beta}{\sum_{A} \exp \sum_{i \in A} x_i'\beta} ,
# $$
#
# where $A$ runs through all sets of $k_j$ of its visits.
# The child's own level stands in every term of numerator and denominator, and cancels.
# So does everything that does not change: the mother's smoking as well.
# With all coefficients 0 every set is equally likely, and $P_j$ is one over the number of sets.

# %% [raw]
# # BEGIN QUESTION
# name: task6_6

# %% [markdown]
# **Write** `conditional_loglik(beta, X, y, g)`, the sum of $\log P_j$, and `conditional_logit(X, y, g)`, which maximizes it by Newton's method (gradient and information stand in the docstring).
# The given function `subset_sums` lists, for each child, the sum of its observed rows and the sums over all sets $A$.
#
# **Apply** them to `ohio`.
# - `wheeze_informative`: the number of children that contribute anything;
# - `wheeze_llf_0`: the conditional log-likelihood where both coefficients, of `age` and `age_smoke`, are 0;
# - `wheeze_clogit`: the fit with the covariates `wheeze_X`, in which the function leaves out what does not vary;
# - `age_clogit` and `age_clogit_se`: coefficient of `age` and its standard error.

# %%
# BEGIN SOLUTION 6.6 NO PROMPT
mixed_children = ohio.groupby("id")["resp"].nunique() == 2
# END SOLUTION
wheeze_informative = int(mixed_children.sum())  # SOLUTION 6.6
changing_X = wheeze_X[["age", "age_smoke"]]
wheeze_llf_0 = conditional_loglik([0, 0], changing_X, ohio["resp"], ohio["id"])  # SOLUTION 6.6
wheeze_clogit = conditional_logit(wheeze_X, ohio["resp"], ohio["id"])  # SOLUTION 6.6
age_clogit = wheeze_clogit.loc["age", "beta"]  # SOLUTION 6.6
age_clogit_se = wheeze_clogit.loc["age", "se"]  # SOLUTION 6.6

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_the_conditional_likelihood(conditional_loglik):
    import math

    import pandas as pd

    from hlmtools import check

    X = pd.DataFrame({"x": [0.0, 1.0, 2.0, 5.0, 7.0]})
    y, g = [0, 0, 1, 1, 1], ["a", "a", "a", "b", "b"]
    check.by_hand(
        conditional_loglik([math.log(3)], X, y, g),
        math.log(9 / 13),
        "conditional_loglik([log 3], ...)",
        "log of 9 / (1 + 3 + 9); the cluster of ones only adds 0",
    )


# %%
@test_case()
def form_of_conditional_logit(conditional_logit):
    import math

    import pandas as pd

    from hlmtools import check

    X = pd.DataFrame({"x": [0.0, 1.0] * 4, "born": [1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0]})
    table = conditional_logit(X, [0, 1, 0, 1, 0, 1, 1, 0], list("aabbccdd"))
    check.frame(table, "conditional_logit(...)", columns=["beta", "se"], index=["x"])
    check.by_hand(
        round(table.loc["x", "beta"], 6), round(math.log(3), 6), "beta", "three pairs to one: log 3"
    )


# %%
@test_case()
def form_of_the_conditional_answers(wheeze_informative, wheeze_llf_0, age_clogit, age_clogit_se):
    from hlmtools import check

    check.number(wheeze_llf_0, "wheeze_llf_0", high=0)
    check.no_slip("wheeze_llf_0", wheeze_llf_0)
    check.number(wheeze_informative, "wheeze_informative", low=1)
    check.no_slip("wheeze_informative", wheeze_informative)
    check.number(age_clogit, "age_clogit", low=-2, high=2)
    check.no_slip("wheeze_age_clogit", age_clogit)
    check.number(age_clogit_se, "age_clogit_se", low=0)
    check.no_slip("wheeze_age_clogit_se", age_clogit_se)


# %%
@test_case(points=1.5, hidden=True)
def likelihood_off_the_optimum(conditional_loglik):
    from autograder import expect
    from hlmtools.simulate import panel

    d = panel(20, 6, psi=2, keep=0.7, seed=6601)
    for beta in ([0.0, 0.0], [0.7, -1.2], [-3.0, 2.0]):
        X = d[["x"]].assign(time=d["time"])
        args = (beta, X, d["yes"], d["person"])
        expect.agrees("conditional_loglik", conditional_loglik, *args, name="several betas")
    expect.raises(ValueError, conditional_loglik, [0.7], *args[1:], name="one beta for two columns")


# %%
@test_case(points=1.5, hidden=True)
def fit_within_unequal_clusters(conditional_logit):
    from autograder import expect
    from hlmtools.simulate import panel

    d = panel(50, 6, psi=2, link=0.7, keep=0.6, seed=6602)
    X = d[["x", "w"]].assign(time=d["time"])
    arguments = (X, d["yes"], d["person"])
    expect.agrees(
        "conditional_logit", conditional_logit, *arguments, tolerance="ratio", name="panel data"
    )
    want = expect.solved().conditional_logit(*arguments)
    expect.frame(conditional_logit(*arguments), want, "ratio", "the table")
    alike = d["yes"].groupby(d["person"]).transform("nunique") == 1
    arguments = (X.assign(idle=alike * d["time"]), d["yes"], d["person"])
    where = "the table with a column that varies in uninformative clusters only"
    expect.frame(conditional_logit(*arguments), want, "ratio", where)


# %%
@test_case(points=0.5, hidden=True)
def nothing_to_compare_is_refused(conditional_logit):
    import pandas as pd

    from autograder import expect

    X = pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0]})
    expect.raises(
        ValueError, conditional_logit, X, [0, 0, 1, 1], list("aabb"), name="no cluster with both"
    )


# %%
@test_case(points=0.5, hidden=True)
def children_who_count(wheeze_informative, wheeze_llf_0):
    from autograder import expect

    expect.quantity("wheeze_llf_0", wheeze_llf_0)
    expect.quantity("wheeze_informative", wheeze_informative)


# %%
@test_case(points=1, hidden=True)
def age_within_children(age_clogit, age_clogit_se):
    from autograder import expect

    expect.quantity("wheeze_age_clogit", age_clogit)
    expect.quantity("wheeze_age_clogit_se", age_clogit_se)


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# Fewer than a third of the children say anything here; those who never wheezed, or always, drop out.
# The coefficient of `age` nearly equals the one of the mixed model in Homework 4, -0.216: both condition on the child, and the mixed model's assumption about $\zeta_j$ does no harm to it.
# The estimating equations gave -0.141, because they answer the question about the population.
# What the conditional likelihood cannot do is to say anything about the mother's smoking.

# %% [markdown]
# ## 6.7 Choose between change and analysis of covariance
# `anorexia`: 72 young women, weighed before and after one of three treatments: family therapy (FT), cognitive behavioral therapy (CBT), or the usual care (Cont).
# How much more weight does family therapy bring than usual care?
# Three regressions are in use; each has indicators of the treatments.
#
# | | response | covariate | subtracts from the difference in weight after |
# |:---|:---|:---|:---|
# | post only | after | none | nothing |
# | change | after - before | none | all of the difference before |
# | ANCOVA | after | before | $b$ times the difference before |
#
# In a randomized trial all three are unbiased, and ANCOVA is the most precise.
# Without randomization they rest on different assumptions (Lord's paradox): the change score assumes that without treatment the groups would have changed alike; ANCOVA assumes that women of the same weight before would have done alike.

# %%
anorexia = load_dataset("anorexia")
ax = sns.lmplot(
    anorexia,
    x="Prewt",
    y="Postwt",
    hue="Treat",
    ci=None,
    height=4,
    aspect=1.4,
    markers=["o", "s", "^"],
).ax
ax.axline((82, 82), slope=1, color="gray", linestyle=":")
ax.set(xlabel="weight before (pounds)", ylabel="weight after (pounds)")
label = ax.text(92.5, 91.5, "no change", color="gray", ha="right", va="top", rotation=33)

# %% [raw]
# # BEGIN QUESTION
# name: task6_7

# %% [markdown]
# **Write** `change_vs_ancova(pre, post, treat, reference)`.
# It returns one row a treatment (without the reference) and the columns `change`, `change_se`, `ancova`, `ancova_se`, `post`, `post_se`.
#
# **Apply** it with the usual care, `"Cont"`, as reference: `weight_effects`, and from its row for family therapy `ft_change`, `ft_ancova` and `ft_ancova_se`, in pounds.
#
# **As a model of both weights.** Stack the two weights of each woman (`waves`, given), and let the three groups have *one* mean before treatment, as randomization promises.
# `waves_X` has a constant, `post`, and the products of `post` with CBT and with FT, but no treatment by itself.
# Fit it with `gls_pattern` and compound symmetry; `ft_constrained` is the coefficient of `FT`.

# %%
waves = pd.concat(
    [
        anorexia.assign(id=anorexia.index, post=0, weight=anorexia["Prewt"]),
        anorexia.assign(id=anorexia.index, post=1, weight=anorexia["Postwt"]),
    ]
)
waves_X = waves.assign(
    constant=1.0,
    CBT=waves["post"] * (waves["Treat"] == "CBT"),
    FT=waves["post"] * (waves["Treat"] == "FT"),
)[["constant", "post", "CBT", "FT"]]

# %%
# BEGIN SOLUTION 6.7 NO PROMPT
before, after, treatment = anorexia["Prewt"], anorexia["Postwt"], anorexia["Treat"]
# END SOLUTION
weight_effects = change_vs_ancova(before, after, treatment, "Cont")  # SOLUTION 6.7
ft_change = weight_effects.loc["FT", "change"]  # SOLUTION 6.7
ft_ancova = weight_effects.loc["FT", "ancova"]  # SOLUTION 6.7
ft_ancova_se = weight_effects.loc["FT", "ancova_se"]  # SOLUTION 6.7

# %%
# BEGIN SOLUTION 6.7 NO PROMPT
constrained = gls_pattern(waves_X, waves["weight"], waves["id"], waves["post"], "CS")
# END SOLUTION
ft_constrained = constrained.table.loc["FT", "beta"]  # SOLUTION 6.7

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_change_vs_ancova(change_vs_ancova):
    from hlmtools import check

    table = change_vs_ancova([1, 2, 1, 4], [2, 5, 5, 10], ["A", "A", "B", "B"], "A")
    columns = ["change", "change_se", "ancova", "ancova_se", "post", "post_se"]
    check.frame(table, "change_vs_ancova(...)", columns=columns, index=["B"])
    check.by_hand(table.loc["B", "change"], 3, "change", "(4 + 6)/2 - (1 + 3)/2")
    check.by_hand(table.loc["B", "post"], 4, "post", "(5 + 10)/2 - (2 + 5)/2")
    check.by_hand(
        table.loc["B", "ancova"], 2.2, "ancova", "b = (1.5 + 7.5) / (0.5 + 4.5), 4 - 1.8 * 1"
    )


# %%
@test_case()
def form_of_the_weight_effects(ft_change, ft_ancova, ft_ancova_se, ft_constrained):
    from hlmtools import check

    check.number(ft_change, "ft_change", low=-50, high=50)
    check.no_slip("weight_ft_change", ft_change)
    check.number(ft_ancova, "ft_ancova", low=-50, high=50)
    check.no_slip("weight_ft_ancova", ft_ancova)
    check.number(ft_ancova_se, "ft_ancova_se", low=0)
    check.number(ft_constrained, "ft_constrained", low=-50, high=50)
    check.no_slip("weight_ft_constrained", ft_constrained)


# %%
@test_case(points=2, hidden=True)
def four_treatments(change_vs_ancova):
    import numpy as np

    from autograder import expect

    random = np.random.default_rng(6701)
    treat = random.choice(["old", "new", "both", "none"], 60)
    pre = random.normal(50, 8, 60)
    post = 20 + 0.6 * pre + 3 * (treat == "new") + random.normal(0, 5, 60)
    expect.agrees(
        "change_vs_ancova", change_vs_ancova, pre, post, treat, "none", name="four treatments"
    )
    want = expect.solved().change_vs_ancova(pre, post, treat, "none")
    expect.frame(change_vs_ancova(pre, post, treat, "none"), want, name="the table")


# %%
@test_case(points=0.5, hidden=True)
def unusable_data_are_refused(change_vs_ancova):
    from autograder import expect

    arguments = ([1.0, 2, 3, 5], [2.0, 2, 4, 7], ["A", "A", "B", "B"], "C")
    expect.raises(ValueError, change_vs_ancova, *arguments, name="a reference that is not there")
    arguments = ([1.0, 2, 3, 5], [2.0, float("nan"), 4, 7], ["A", "A", "B", "B"], "A")
    expect.raises(ValueError, change_vs_ancova, *arguments, name="a NaN in post")


# %%
@test_case(points=1, hidden=True)
def effects_of_family_therapy(ft_change, ft_ancova, ft_ancova_se):
    from autograder import expect

    expect.quantity("weight_ft_change", ft_change)
    expect.quantity("weight_ft_ancova", ft_ancova)
    expect.quantity("weight_ft_ancova_se", ft_ancova_se)


# %%
@test_case(points=0.5, hidden=True)
def one_mean_before_treatment(ft_constrained):
    from autograder import expect

    expect.quantity("weight_ft_constrained", ft_constrained)


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# The women in family therapy weighed 1.7 pounds more than the controls to begin with.
# Post only ignores that and gives the largest effect, the change score takes all of it off and gives the smallest, and ANCOVA takes off 0.43 of it, because a pound more before goes with only 0.43 pounds more after (*regression to the mean*).
# Look back at the picture, though: ANCOVA gives all groups the *same* slope, and the controls' own line does not rise at all.
# Where slopes differ, "the effect" depends on the weight before, and the ANCOVA number is an average over it.
#
# ANCOVA and the model with one common mean before lie close to each other, as they should if chance made the groups differ at the start; with an unstructured pattern in place of compound symmetry they would be equal.

# %% [markdown]
# ## 6.8 See what drop-out does
# Children move away, patients stop coming.
# What an analysis makes of the rest depends on why they left.
# If leaving depends only on what was *observed* before (here: on $y_1$), the missing values are called **missing at random** (MAR).
# Then a likelihood that uses all the observed data, incomplete persons included, is right without a model for leaving.
# Averages over the completers are not.
#
# For two measurements with $y_2$ partly missing the three estimates of the average change are
#
# $$
# \begin{aligned}
# \text{complete:} \quad & \bar y_2^c - \bar y_1^c \\
# \text{available:} \quad & \bar y_2^c - \bar y_1 \\
# \text{ML:} \quad & \bar y_2^c + b\,(\bar y_1 - \bar y_1^c) - \bar y_1 ,
# \end{aligned}
# $$
#
# where $c$ stands for the completers and $b$ is the slope of $y_2$ on $y_1$ among them (Anderson 1957).
# "Available" is what least squares, or estimating equations with independence, makes of the long table.

# %% [raw]
# # BEGIN QUESTION
# name: task6_8

# %% [markdown]
# **Write** `dropout_estimates(y1, y2)`, with NaN where $y_2$ is missing; it returns a Series with the entries `complete`, `available` and `ml`.
#
# **Simulate.** `two_waves(400, seed=...)` draws 400 persons whose true average change is 0, and loses most $y_2$ of those whose $y_1$ was above 1.
# `dropout_runs` is a table with one row for each of the seeds 0 to 299 and the three estimates as columns.
# `unbiased` is the name of the estimate whose average over the runs is near the truth.
# **Draw** the three distributions, with the truth as a vertical line.
#
# **On the jaws.** Pretend that children with more than 23 mm at age 8 were not seen at 14 (`seen_14`, given).
# `jaw_dropout` holds the three estimates of the average growth from 8 to 14 in mm; `jaw_complete` and `jaw_ml` are two of them.

# %%
# BEGIN SOLUTION 6.8 NO PROMPT
draws = [two_waves(400, seed=seed) for seed in range(300)]
runs = [dropout_estimates(draw["y1"], draw["y2"]) for draw in draws]
# END SOLUTION
dropout_runs = pd.DataFrame(runs)  # SOLUTION 6.8
unbiased = dropout_runs.mean().abs().idxmin()  # SOLUTION 6.8

# %%
# three distributions and the truth
# BEGIN SOLUTION 6.8
fig, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
sns.histplot(dropout_runs, bins=40, element="step", ax=ax)
ax.axvline(0, color="black", linestyle="--")
ax.set(xlabel="estimated average change (units of y)", ylabel="number of simulated studies")
sns.despine()
# END SOLUTION

# %%
jaw_wide = jaws.pivot_table(index="Subject", columns="age", values="distance")
seen_14 = jaw_wide[14].where(jaw_wide[8] <= 23)
print(f"{seen_14.isna().sum()} of {len(seen_14)} children are lost")

# %%
jaw_dropout = dropout_estimates(jaw_wide[8], seen_14)  # SOLUTION 6.8
jaw_complete = jaw_dropout["complete"]  # SOLUTION 6.8
jaw_ml = jaw_dropout["ml"]  # SOLUTION 6.8

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_dropout_estimates(dropout_estimates):
    import pandas as pd

    from hlmtools import check

    found = dropout_estimates([0.0, 1.0, 2.0, 5.0], [1.0, 3.0, 5.0, float("nan")])
    assert isinstance(found, pd.Series), "dropout_estimates should return a pandas Series."
    assert sorted(found.index) == ["available", "complete", "ml"], (
        "The Series should have the entries complete, available and ml."
    )
    check.by_hand(found["complete"], 2, "complete", "3 - 1: the completers' means")
    check.by_hand(found["available"], 1, "available", "3 - 2: y1 of everybody has the mean 2")
    check.by_hand(found["ml"], 3, "ml", "b = 2: 3 + 2 (2 - 1) - 2")


# %%
@test_case()
def form_of_the_dropout_answers(dropout_runs, unbiased, jaw_complete, jaw_ml):
    from hlmtools import check

    check.frame(dropout_runs, "dropout_runs", columns=["complete", "available", "ml"], rows=300)
    assert unbiased in ("complete", "available", "ml"), "unbiased is the name of an estimate."
    check.number(jaw_complete, "jaw_complete", low=-20, high=20)
    check.no_slip("jaw_complete", jaw_complete)
    check.number(jaw_ml, "jaw_ml", low=-20, high=20)
    check.no_slip("jaw_ml", jaw_ml)


# %%
@test_case(points=2, hidden=True)
def three_estimates_of_a_change(dropout_estimates):
    from autograder import expect
    from hlmtools.simulate import two_waves

    for seed, cut in [(6801, 0.0), (6802, 1.5)]:
        d = two_waves(60, change=2.0, cut=cut, seed=seed)
        expect.agrees(
            "dropout_estimates", dropout_estimates, d["y1"], d["y2"], name="simulated drop-out"
        )
        want = expect.solved().dropout_estimates(d["y1"], d["y2"])
        got = dropout_estimates(list(d["y1"]), list(d["y2"]))
        for entry in ("complete", "available", "ml"):
            expect.close(got[entry], want[entry], name=f"the entry {entry}")


# %%
@test_case(points=0.5, hidden=True)
def nobody_left_is_refused(dropout_estimates):
    from autograder import expect

    missing = float("nan")
    expect.raises(
        ValueError, dropout_estimates, [1.0, 2, 3], [1.0, missing, 2], name="two completers"
    )
    expect.raises(
        ValueError, dropout_estimates, [1.0, missing, 3, 4], [1.0, 2, 3, 4], name="a gap in y1"
    )


# %%
@test_case(points=0.5, hidden=True)
def runs_of_the_simulation(dropout_runs, unbiased):
    from autograder import expect
    from hlmtools.simulate import two_waves

    want = expect.solved().dropout_estimates(*two_waves(400, seed=7).to_numpy().T)
    for entry in ("complete", "available", "ml"):
        expect.close(dropout_runs[entry].iloc[7], want[entry], name=f"the run with seed 7, {entry}")
    expect.true(unbiased == "ml", "unbiased is not the estimate that is right on average.")


# %%
@test_case(points=1, hidden=True)
def drop_out_of_the_jaws(jaw_complete, jaw_ml):
    from autograder import expect

    expect.quantity("jaw_complete", jaw_complete)
    expect.quantity("jaw_ml", jaw_ml)


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# Completers overestimate the change, available values underestimate it, by a quarter of the standard deviation within persons each; more persons would not help.
# In the jaws all children *were* seen at 14, so you can look up the truth: the average growth is 3.9 mm.
# One data set proves little, but the order is the one of the simulation, and maximum likelihood comes nearest.
# It is right on average only if drop-out depends on what was observed.
# Had children been lost because of their distance *at 14*, no analysis of the rest could know it.

# %% [markdown]
# ## 6.9 Say it in words
# Two answers, which your instructor reads.
# Four points each: for the right numbers with their meaning, with what is compared with what, the assumption that makes each valid, and one limit.
# Three where one of these is missing; two for right numbers in a sentence that claims a cause or confuses what is compared; one for a direction only; none for the wrong quantity.

# %% [raw]
# # BEGIN QUESTION
# name: task6_9a
# manual: true
# points: 4

# %% [markdown]
# **6.9a Six estimates of one coefficient.**
# You have six numbers for `union`: between men, pooled, random intercept, fixed effects, first differences, and within men from Mundlak's model.
# A minister asks which of them is "the effect of a union contract".
# Answer in eight to twelve sentences.
# Say which question each of the six answers, which two are equal and why, what the Mundlak test tells, on what assumption the within-man comparisons rest, and which one you would report.

# %% [raw]
# # BEGIN SOLUTION

# %% [markdown]
# None of them is the effect without an assumption, and only those within men come near the minister's question.
# The coefficient between men, 0.26, compares men by how many of their years were under a contract: with the other covariates equal, men always covered earn about 30 percent more than men never covered, which mixes what a contract does with who gets one.
# The pooled coefficient, 0.186 (robust standard error 0.027), and the random-intercept one, 0.111 (0.018), are weighted mixtures of the comparisons between and within men; the random intercept gives the second more weight.
# They would be valid if a man's unmeasured level were unrelated to his contracts and marriage.
# The Mundlak test rejects that: 16.6 on 2 degrees of freedom, p below 0.001.
# Fixed effects and the within coefficient of Mundlak's model are the same number, 0.084 (0.019), because adding a man's mean leaves only his deviations from it to the covariate itself.
# It says that in years with a contract a man earns about 9 percent more than the same man in years without.
# First differences, 0.042 (0.020), ask the same question of successive years only.
# Both rest on strict exogeneity: whatever else changes a man's wage in a year must be unrelated to his contracts in that year and all others; a man who takes a covered job because his wage just fell would break it.
# That the two differ by a factor of two is a warning that this, or the assumption of an immediate and constant effect, does not hold well, or that contracts are misreported.
# I would report the fixed-effects estimate with a robust standard error, the first differences beside it, and say that it concerns men who changed, about half of them, and says nothing about constant traits such as schooling.

# %% [raw]
# # END SOLUTION

# %% [raw]
# # END QUESTION

# %% [raw]
# # BEGIN QUESTION
# name: task6_9b
# manual: true
# points: 4

# %% [markdown]
# **6.9b Three analyses of wheezing.**
# A colleague has the mixed model of Homework 4 (odds ratio of smoking 1.59), your estimating equations, and your conditional likelihood, and says: "Three methods, three answers. One of them must be wrong."
# Reply in five to eight sentences: what each odds ratio compares, why the first two differ although the data are the same, what the third can and cannot say, and which one belongs in a brochure for parents and in a report on public health.

# %% [raw]
# # BEGIN SOLUTION

# %% [markdown]
# None has to be wrong, because they compare different things.
# The mixed model's 1.59 is conditional: the odds of wheezing at age 9 for a child with a smoking mother are 1.59 times those of a child *with the same* $\zeta_j$ whose mother does not smoke.
# The estimating equations give 1.37 (95 percent interval about 0.95 to 1.98): the odds among all children of smoking mothers compared with those among all other children.
# Averaging the logistic curves of children who differ widely in $\zeta_j$ flattens them, so the marginal ratio is nearer to 1; with no differences between children the two would be equal.
# The conditional likelihood uses the 164 children whose answers changed, and compares a child with itself; since the mother's smoking is recorded once, it says nothing about smoking, only about age and about how age works in the two groups.
# It needs no assumption about the distribution of $\zeta_j$, while the mixed model takes it as normal and unrelated to smoking, and the estimating equations need a right mean model and, with missing visits, more than missing at random.
# A brochure that speaks to one mother would use the conditional ratio, a report on the population the marginal one; both speak of odds and not of risk, and neither is a causal effect, for mothers who smoke differ in other ways.

# %% [raw]
# # END SOLUTION

# %% [raw]
# # END QUESTION

# %% [markdown]
# ## The answer to the opening question
# Do unions raise the wages of young men?
#
# In these data a man earned about 9 percent more per hour in his years with a union contract than in his own years without ($e^{0.084} = 1.09$; a 95 percent interval is about 5 to 13 percent).
# Men who are always covered earn about 30 percent more than men who never are, so most of the difference one sees between men is a difference between the men.
#
# **What this rests on.**
# The comparison is made within men, so nothing that is constant in a man can confound it.
# What changes can: it is assumed that no other cause of a year's wage goes together with contracts in that year or another.
# The effect is assumed to come at once, to be the same for all men and years, and to vanish when the contract ends; experience is assumed to act along a straight line.
# Standard errors take men as independent of each other.
#
# **What it does not say.**
# First differences halve the estimate, which casts doubt on these assumptions.
# Nothing is said about men who were never covered, about women, or about what happens to wages if everybody is covered.

# %% [markdown]
# ## Capstone (not graded): your own lme4
# Over five homeworks you wrote the parts of a mixed-model program: the deviance of a linear mixed model (Homework 3) and adaptive quadrature for a logistic one (Homework 4).
# Here they are put together: a minimizer of scipy turns a criterion into a fit, and the fits are held against R's lme4, whose rounded results lie in the data set `lme4_results`.
#
# To use *your* code, put your own `random_slopes.py` and `logistic.py` into a folder `my_hlmtools` beside this notebook.
# Where there is none, the solved modules that came with this homework are used.


# %%
def earlier(name, function):
    """A function of an earlier homework: your own from my_hlmtools/, else the one that came along.

    Where neither is there, or the file is still a stub, say so and return None.
    """
    own = Path("my_hlmtools") / f"{name}.py"
    try:
        if own.exists():
            spec = importlib.util.spec_from_file_location(f"my_{name}", own)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
        else:
            module = importlib.import_module(f"hlmtools.{name}")
        found = getattr(module, function)
    except Exception as problem:
        print(f"{function} of {name}.py is not here ({problem}); its part is left out.")
        return None
    print(f"{function}: {'your own' if own.exists() else 'the one that came along'}")
    return found


lmm_deviance = earlier("random_slopes", "lmm_deviance")
cross_products = earlier("random_slopes", "cross_products")
agq_loglik = earlier("logistic", "agq_loglik")

# %% [markdown]
# **Linear models.** The deviance depends on $\theta$ alone, the entries of a triangular matrix, so the minimizer has one to three numbers to find.

# %%
children = jaw_X.assign(**{"female:age": jaw_X["female_age"]}).drop(columns="female_age")
interactions = hsb_X.assign(
    **{
        "meanses:cses": hsb_X["meanses"] * hsb_X["cses"],
        "catholic:cses": hsb_X["catholic"] * hsb_X["cses"],
    }
)
linear_models = {  # name: (response, fixed part, random part, clusters, REML?)
    "hsb null": (hsb["mAch"], hsb_X[["constant"]], ["constant"], hsb["school"], True),
    "hsb random intercept": (
        hsb["mAch"],
        hsb_X[["constant", "meanses", "cses"]],
        ["constant"],
        hsb["school"],
        True,
    ),
    "hsb random slope": (
        hsb["mAch"],
        hsb_X[["constant", "cses"]],
        ["constant", "cses"],
        hsb["school"],
        True,
    ),
    "hsb slopes as outcomes": (
        hsb["mAch"],
        interactions,
        ["constant", "cses"],
        hsb["school"],
        True,
    ),
    "orthodont growth": (
        jaws["distance"],
        children,
        ["constant", "age"],
        jaws["Subject"],
        False,
    ),
}


def smallest_deviance(y, X, random, g, reml):
    """Minimize the deviance over theta, with the diagonal of Lambda at 0 or above."""
    products = cross_products(y, X, X[random], g)
    start = [1.0] if len(random) == 1 else [1.0, 0.0, 1.0]
    bounds = [(0, None) if value else (None, None) for value in start]

    def criterion(theta):
        return lmm_deviance(theta, products, reml)

    found = optimize.minimize(criterion, start, method="L-BFGS-B", bounds=bounds)
    polish = {"xatol": 1e-7, "fatol": 1e-8, "maxiter": 2000}
    return optimize.minimize(
        criterion, found.x, method="Nelder-Mead", bounds=bounds, options=polish
    ).fun


published = load_dataset("lme4_results").query("quantity == 'criterion'").set_index("model")
mine = {}
if lmm_deviance and cross_products:
    try:
        mine = {name: smallest_deviance(*model) for name, model in linear_models.items()}
    except NotImplementedError as stub:
        print(f"Homework 3 is not finished ({stub}); linear models are left out.")

# %% [markdown]
# **Logistic models.** The quadrature gives the log-likelihood; with one node it is the Laplace approximation.


# %% tags=["raises-exception"]
def largest_likelihood(k):
    """Minimize -2 times the log-likelihood over the coefficients and the logarithm of sigma."""

    def criterion(par):
        return -2 * agq_loglik(par[:-1], np.exp(par[-1]), wheeze_X, ohio["resp"], ohio["id"], k)

    start = np.append(wheeze_gee.table["beta"].to_numpy(), np.log(2.0))
    return optimize.minimize(criterion, start, method="BFGS", options={"gtol": 1e-3}).fun


if agq_loglik:
    try:
        mine |= {"ohio Laplace": largest_likelihood(1), "ohio quadrature": largest_likelihood(25)}
    except NotImplementedError as stub:
        print(f"Homework 4 is not finished ({stub}); logistic models are left out.")

compared = published[["value"]].rename(columns={"value": "lme4"})
compared["mine"] = pd.Series(mine, dtype=float)
compared["difference"] = compared["mine"] - compared["lme4"]
compared.round(3) + 0.0  # no minus before a zero

# %% [markdown]
# Differences of a thousandth are rounding; a positive one of more says that your minimizer has not arrived, a negative one that lme4's has not.
#
# **And a package.** statsmodels fits the random-slope model too.
# Look at its criterion, and at what it says about having converged.
# (With its default method, which takes longer, version 0.15 stops at a criterion of about 46915 and says that it has not converged.)

# %% tags=["raises-exception"]
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    model = smf.mixedlm("mAch ~ cses", hsb, groups=hsb["school"], re_formula="~ cses")
    package = model.fit(reml=True, method="lbfgs")
print(f"statsmodels: criterion {-2 * package.llf:.3f}, converged={package.converged}")
row = compared.loc["hsb random slope"]
print(f"lme4:        criterion {row['lme4']:.3f}")
print(f"yours:       criterion {row['mine']:.3f} (smaller is better)")

# %% [markdown]
# A flag that says "converged" is a claim, a criterion is evidence.
# You can now tell the two apart, because you can compute the criterion yourself.
# That, more than any one model, is what this course wanted to give you.
