# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Homework 1. How much do schools differ in mathematics achievement?
#
# A family may choose among the high schools of a large country.
# How much does it matter for mathematics which school it takes?
# Put as a statistical question: how much of the spread in mathematics achievement lies *between* schools, and how much between pupils *within* one school?
#
# You will answer it with the simplest multilevel model there is, the **variance-components model**.
# You will not call a package for it.
# You write the eight small pieces that such a package is made of, in the file `hlmtools/variance_components.py`, and you apply them here.
#
# **How to work.**
# Keep two windows open: this notebook, and `hlmtools/variance_components.py` in an editor (in JupyterLab, double-click the file in the panel on the left).
# For each task, read the formula, replace the line `raise NotImplementedError(...)` in the file, and save the file.
# The notebook sees the change at once.
# Then replace each `...` below by your answer and run the check under it.
# A check looks at the form of an answer, at one number that you can compute by hand, and at well-known mistakes.
# The values themselves are checked at grading, for the functions on data you have not seen.
#
# Where a check says "notes 1.3", it means section 1.3 of the lecture notes, `notes.ipynb`.

# %%
import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
import statsmodels.api as sm
import statsmodels.formula.api as smf
from otter.test_files import test_case  # IGNORE

from hlmtools import load_dataset, plots
from hlmtools.variance_components import (
    anova_components,
    cluster_stats,
    coverage_range,
    eb_predict,
    fit_vc,
    icc,
    lrt_psi,
    reliability,
    vc_deviance,
)

sns.set_theme(style="ticks")

# %% [markdown]
# ## The data
# The High School and Beyond survey tested pupils in American high schools in 1982.
# The data set `hsb` is the well-known subsample of 7185 pupils in 160 schools that Raudenbush and Bryk (2002, chapter 4) analyze.
# Each row is a pupil.
# We need two columns: `mAch`, the score in a mathematics test, in **test points** (from about -3 to 25), and `school`, the label of the pupil's school.
# The label is text: it names a school and measures nothing.

# %%
hsb = load_dataset("hsb")
hsb[["school", "mAch"]].sample(5, random_state=1)

# %% [markdown]
# A picture comes before a model.
# Here are 16 of the 160 schools, drawn at random and ordered by their mean.
# Each dot is a pupil, each bar the mean of a school, and the dashed line the mean of all the pupils shown.

# %%
shown = np.random.default_rng(4).choice(hsb["school"].unique(), size=16, replace=False)
ax = plots.cluster_strip(
    hsb[hsb["school"].isin(shown)],
    y="mAch",
    cluster="school",
    label="mathematics achievement (test points)",
)

# %% [markdown]
# Look at two spreads.
# The bars differ: some schools lie several points above others.
# The dots of any one school differ much more: most schools have pupils near both ends of the test.
# And the bars would differ a little even if all schools were alike, because each is the mean of only a few dozen pupils.
# The model below takes these three things apart.

# %% [markdown]
# ## The model
# Write $y_{ij}$ for the score of pupil $i$ in school $j$, with $i = 1, \dots, n_j$ and $j = 1, \dots, J$.
#
# **In two stages.**
#
# $$
# \begin{aligned}
# \text{level 1 (pupils):} \quad & y_{ij} = \beta_j + \epsilon_{ij}, & \epsilon_{ij} &\sim N(0, \sigma^2) \\
# \text{level 2 (schools):} \quad & \beta_j = \beta + \zeta_j, & \zeta_j &\sim N(0, \psi)
# \end{aligned}
# $$
#
# **In reduced form**, with the second line put into the first:
#
# $$
# y_{ij} = \beta + \zeta_j + \epsilon_{ij}
# $$
#
# | symbol | meaning | unit |
# |:---|:---|:---|
# | $\beta$ | mean of the true school means | test points |
# | $\beta_j = \beta + \zeta_j$ | true mean of school $j$: what its average would be with very many pupils | test points |
# | $\zeta_j$ | how far school $j$ lies above or below $\beta$ | test points |
# | $\epsilon_{ij}$ | how far pupil $i$ lies above or below the true mean of the school | test points |
# | $\psi$ | variance **between** schools | squared test points |
# | $\sigma^2$ | variance **within** schools (`sigma2`) | squared test points |
#
# **What it assumes.** Every number below leans on some of these.
#
# 1. *Exchangeable clusters.* The schools are like draws from one population of schools: before we see the data, no label tells us that a school is high or low.
# 2. *Independent clusters.* What happens in one school says nothing about another.
# 3. *Conditional independence.* Given their school, pupils are independent: the school effect is the only reason why two pupils of one school are alike.
# 4. *One variance within.* $\sigma^2$ is the same in every school.
# 5. *One variance between.* $\psi$ does not depend on the size $n_j$, and neither does the mean of $\zeta_j$: the number of pupils tested tells nothing about the level of the school.
# 6. *Independent levels.* $\zeta_j$ and $\epsilon_{ij}$ are independent.
# 7. *Normality.* Both are normally distributed. The ANOVA estimates of Task 1.2 do without it; likelihoods, tests and intervals do not.
#
# From 3 to 6 follow the variance of one score and the covariance of two scores from the same school; by 2, scores from different schools are uncorrelated:
#
# $$
# \operatorname{Var}(y_{ij}) = \psi + \sigma^2, \qquad \operatorname{Cov}(y_{ij}, y_{i'j}) = \psi \quad (i \ne i').
# $$
#
# So $\psi$ has two faces: it is how much schools differ, and it is how much alike two pupils of one school are.

# %% [markdown]
# ## 1.1 Summarize the clusters
# For this model the 7185 rows hold no more information about $\beta$, $\psi$ and $\sigma^2$ than three numbers a school:
#
# $$
# n_j, \qquad \bar y_j = \frac{1}{n_j} \sum_i y_{ij}, \qquad \mathrm{ssw}_j = \sum_i (y_{ij} - \bar y_j)^2 .
# $$
#
# They are *sufficient statistics*.
# Everything after this task is computed from them, which is why your code will fit 7185 pupils in milliseconds.

# %% [raw]
# # BEGIN QUESTION
# name: task1_1

# %% [markdown]
# **Write** `cluster_stats(y, g)` in `hlmtools/variance_components.py`.
# It returns a DataFrame with one row a cluster, sorted by the cluster's label (the index), and the columns `n`, `mean` and `ssw`.
# The rows may come in any order, labels may be text or numbers, and a cluster may have a single member: its `ssw` is 0.
# Missing values raise a `ValueError`; a mean over half of a class would pass unnoticed otherwise.
#
# **Apply** it to `hsb`, and compute two means of mathematics achievement, in test points:
# - `hsb_pupil_mean`, in which every pupil counts once,
# - `hsb_mean_of_means`, in which every school counts once.

# %%
hsb_stats = cluster_stats(hsb["mAch"], hsb["school"])  # SOLUTION 1.1
hsb_pupil_mean = float(hsb["mAch"].mean())  # SOLUTION 1.1
hsb_mean_of_means = float(hsb_stats["mean"].mean())  # SOLUTION 1.1

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_cluster_stats(cluster_stats):
    from hlmtools import check

    table = cluster_stats([20.0, 10.0, 5.0, 24.0, 14.0], ["b", "a", "c", "b", "a"])
    check.frame(table, "cluster_stats(...)", columns=["n", "mean", "ssw"], index=["a", "b", "c"])
    check.by_hand(table["n"], [2, 2, 1], "the column n", "a has two rows, b two, c one")
    check.by_hand(table["mean"], [12, 22, 5], "the column mean", "(10 + 14)/2, (20 + 24)/2, 5")
    check.by_hand(table["ssw"], [8, 8, 0], "the column ssw", "2^2 + 2^2, 2^2 + 2^2, 0")


# %%
@test_case()
def form_of_the_summaries_of_hsb(hsb_stats, hsb_pupil_mean, hsb_mean_of_means):
    from hlmtools import check

    check.frame(hsb_stats, "hsb_stats", columns=["n", "mean", "ssw"], rows=160)
    check.no_slip("hsb_ssw", float(hsb_stats["ssw"].sum()))
    check.number(hsb_pupil_mean, "hsb_pupil_mean", low=-3, high=25)
    check.number(hsb_mean_of_means, "hsb_mean_of_means", low=-3, high=25)
    check.no_slip("hsb_pupil_mean", hsb_pupil_mean)
    check.no_slip("hsb_mean_of_means", hsb_mean_of_means)


# %%
@test_case(points=1, hidden=True)
def unsorted_rows_and_text_labels(cluster_stats):
    from autograder import expect
    from hlmtools.simulate import two_level

    d = two_level(psi=4, sigma2=9, sizes=[3, 8, 20, 2, 5], beta=50, seed=1101)
    got = cluster_stats(d["y"], d["g"])
    want = expect.solved().cluster_stats(d["y"], d["g"])
    expect.frame(got, want, name="the table for unsorted rows with text labels")
    expect.agrees("cluster_stats", cluster_stats, d["y"], d["g"], name="unsorted rows")


# %%
@test_case(points=0.5, hidden=True)
def lists_and_number_labels(cluster_stats):
    from autograder import expect

    y, g = [3.0, 9.0, 4.0, 7.0, 1.0, 6.5], [10, 9, 10, 9, 2, 2]
    want = expect.solved().cluster_stats(y, g)
    expect.frame(cluster_stats(y, g), want, name="the table for lists with number labels")


# %%
@test_case(points=0.5, hidden=True)
def cluster_of_one(cluster_stats):
    from autograder import expect
    from hlmtools.simulate import two_level

    d = two_level(psi=4, sigma2=9, sizes=[1, 6, 1, 4], beta=-3, seed=1102)
    want = expect.solved().cluster_stats(d["y"], d["g"])
    expect.frame(cluster_stats(d["y"], d["g"]), want, name="the table with clusters of one member")


# %%
@test_case(points=0.5, hidden=True)
def missing_value_is_refused(cluster_stats):
    from autograder import expect

    missing = float("nan")
    expect.raises(
        ValueError, cluster_stats, [1.0, missing, 3.0], ["a", "a", "b"], name="a NaN in y"
    )
    expect.raises(
        ValueError, cluster_stats, [1.0, missing, 3.0], ["a", "b", None], name="two missing entries"
    )
    expect.raises(ValueError, cluster_stats, [], [], name="no rows at all")


# %%
@test_case(points=0.5, hidden=True)
def sums_of_squares_of_hsb(hsb_stats):
    from autograder import expect

    expect.quantity("hsb_ssw", float(hsb_stats["ssw"].sum()))


# %%
@test_case(points=0.5, hidden=True)
def mean_over_pupils(hsb_pupil_mean):
    from autograder import expect

    expect.quantity("hsb_pupil_mean", hsb_pupil_mean)


# %%
@test_case(points=0.5, hidden=True)
def mean_over_schools(hsb_mean_of_means):
    from autograder import expect

    expect.quantity("hsb_mean_of_means", hsb_mean_of_means)


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# The two means differ by about a tenth of a point.
# They answer different questions: what a pupil scores on average, and what a school averages.
# Schools with many tested pupils pull the first one, and in these data they are the slightly better ones.
# The model's $\beta$ will be a third answer.
# Look where it falls in Task 1.4, and ask why.

# %% [markdown]
# ## 1.2 Estimate the variances from mean squares
# The oldest estimator compares two mean squares, as R. A. Fisher did.
#
# $$
# \mathrm{MSB} = \frac{1}{J-1} \sum_j n_j (\bar y_j - \bar y)^2,
# \qquad
# \mathrm{MSW} = \frac{1}{N-J} \sum_j \mathrm{ssw}_j,
# \qquad N = \sum_j n_j ,
# $$
#
# where $\bar y$ is the mean over all $N$ units.
# Under the model their expected values are
#
# $$
# E(\mathrm{MSB}) = \sigma^2 + n_0 \psi, \qquad E(\mathrm{MSW}) = \sigma^2,
# \qquad n_0 = \frac{1}{J-1} \Bigl(N - \frac{\sum_j n_j^2}{N}\Bigr) .
# $$
#
# Cluster means differ for two reasons, true differences and chance; MSB holds both, MSW only the second.
# Solve the two equations:
#
# $$
# \hat\sigma^2 = \mathrm{MSW}, \qquad \hat\psi = \frac{\mathrm{MSB} - \mathrm{MSW}}{n_0} .
# $$
#
# With equal sizes $n_0$ is the common size $n$.
# With unequal sizes it is a little smaller than the average size.
#
# We begin where you can follow every digit.
# `dyestuff` holds the yield of 30 preparations of a dyestuff, in grams of standard color: 6 batches of raw material, 5 preparations from each.
# Batches play the schools and preparations the pupils.

# %%
dyestuff = load_dataset("dyestuff")
table = sm.stats.anova_lm(smf.ols("Yield ~ Batch", dyestuff).fit())
table[["df", "sum_sq", "mean_sq"]]

# %% [markdown]
# The second data set, `dyestuff2`, has the same layout and was made up by Box and Tiao (1973) for a purpose.

# %%
dyestuff2 = load_dataset("dyestuff2")
fig, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
plots.cluster_strip(dyestuff, y="Yield", cluster="Batch", label="yield (grams)", ax=axes[0])
plots.cluster_strip(
    dyestuff2, y="Yield", cluster="Batch", label="yield (made-up units)", ax=axes[1]
)
for ax, name in zip(axes, ["dyestuff", "dyestuff2"], strict=True):
    ax.set_title(name)

# %% [markdown]
# On the left the means of the batches lie far apart, given how much preparations of one batch vary.
# On the right they lie closer together than the spread within batches would lead you to expect from chance alone.

# %% [raw]
# # BEGIN QUESTION
# name: task1_2

# %% [markdown]
# **By hand.** From the ANOVA table of `dyestuff` above (row `Batch` is between, row `Residual` is within) and 5 preparations a batch, compute `dyestuff_sigma2` and `dyestuff_psi`, in squared grams.
# Type the arithmetic, not only its result.
#
# **Write** `anova_components(y, g)`.
# It returns an `AnovaComponents(psi=..., sigma2=..., msb=..., msw=..., n0=...)`, which is imported for you.
# Report $\hat\psi$ as it comes out, negative values included: cutting it off at zero would hide what the data say.
# With fewer than two clusters, or with no cluster of two or more units, there is nothing to compare: raise a `ValueError`.
#
# **Apply** it to get `hsb_anova`, the result for `hsb`, and `dyestuff2_anova_psi`, the estimate of $\psi$ for `dyestuff2`.

# %%
dyestuff_sigma2 = 2451.25  # SOLUTION 1.2
dyestuff_psi = (11271.5 - 2451.25) / 5  # SOLUTION 1.2

# %%
hsb_anova = anova_components(hsb["mAch"], hsb["school"])  # SOLUTION 1.2
dyestuff2_anova_psi = anova_components(dyestuff2["Yield"], dyestuff2["Batch"]).psi  # SOLUTION 1.2

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_dyestuff_by_hand(dyestuff_sigma2, dyestuff_psi):
    from hlmtools import check

    check.number(dyestuff_sigma2, "dyestuff_sigma2", low=0)
    check.number(dyestuff_psi, "dyestuff_psi", low=0)
    check.no_slip("dyestuff_sigma2", dyestuff_sigma2)
    check.no_slip("dyestuff_psi", dyestuff_psi)


# %%
@test_case()
def form_of_anova_components(anova_components):
    from hlmtools import check

    result = anova_components([10.0, 14.0, 20.0, 24.0], ["a", "a", "b", "b"])
    check.by_hand(result.msw, 8, "msw of 10, 14 | 20, 24", "(8 + 8) / (4 - 2)")
    check.by_hand(result.msb, 100, "msb of 10, 14 | 20, 24", "(2 * 5^2 + 2 * 5^2) / (2 - 1)")
    check.by_hand(result.n0, 2, "n0 of 10, 14 | 20, 24", "(4 - (2^2 + 2^2) / 4) / (2 - 1)")
    check.by_hand(result.psi, 46, "psi of 10, 14 | 20, 24", "(100 - 8) / 2")


# %%
@test_case()
def form_of_the_anova_answers(hsb_anova, dyestuff2_anova_psi):
    from hlmtools import check

    check.number(getattr(hsb_anova, "psi", hsb_anova), "hsb_anova.psi")
    check.no_slip("hsb_anova_psi", hsb_anova.psi)
    check.no_slip("hsb_anova_n0", hsb_anova.n0)
    check.number(dyestuff2_anova_psi, "dyestuff2_anova_psi")
    check.no_slip("dyestuff2_anova_psi", dyestuff2_anova_psi)


# %%
@test_case(points=2, hidden=True)
def unbalanced_classes(anova_components):
    from autograder import expect
    from hlmtools.simulate import two_level

    d = two_level(psi=4, sigma2=9, sizes=[3, 8, 20, 2, 31, 12], beta=50, seed=1201)
    expect.agrees(
        "anova_components",
        anova_components,
        d["y"],
        d["g"],
        fields=("psi", "sigma2", "msb", "msw"),
        name="classes of unequal size",
    )


# %%
@test_case(points=1, hidden=True)
def effective_cluster_size(anova_components):
    from autograder import expect
    from hlmtools.simulate import two_level

    d = two_level(psi=2, sigma2=3, sizes=[1, 2, 40, 5, 9], beta=0, seed=1202)
    y, g = d["y"].tolist(), d["g"].tolist()
    expect.agrees("anova_components", anova_components, y, g, fields=("n0",), name="unequal sizes")


# %%
@test_case(points=1, hidden=True)
def negative_estimate_is_kept(anova_components):
    from autograder import expect

    y, g = [1.0, 9.0, 2.0, 8.5, 1.5, 9.5, 4.0], ["x", "x", "y", "y", "z", "z", "z"]
    expect.agrees(
        "anova_components", anova_components, y, g, fields=("psi", "msb"), name="very similar means"
    )


# %%
@test_case(points=0.5, hidden=True)
def one_cluster_is_refused(anova_components):
    from autograder import expect

    expect.raises(ValueError, anova_components, [1.0, 2.0], ["a", "a"], name="a single cluster")
    expect.raises(ValueError, anova_components, [1.0, 2.0], ["a", "b"], name="clusters of one each")


# %%
@test_case(points=0.5, hidden=True)
def dyestuff_by_hand(dyestuff_sigma2, dyestuff_psi):
    from autograder import expect

    expect.quantity("dyestuff_sigma2", dyestuff_sigma2)
    expect.quantity("dyestuff_psi", dyestuff_psi, follows=lambda: (11271.5 - dyestuff_sigma2) / 5)


# %%
@test_case(points=0.5, hidden=True)
def components_of_hsb(hsb_anova):
    from autograder import expect

    expect.quantity("hsb_anova_msb", hsb_anova.msb)
    expect.quantity("hsb_anova_msw", hsb_anova.msw)
    expect.quantity("hsb_anova_n0", hsb_anova.n0)
    expect.quantity("hsb_anova_psi", hsb_anova.psi)


# %%
@test_case(points=0.5, hidden=True)
def estimate_for_dyestuff2(dyestuff2_anova_psi):
    from autograder import expect

    expect.quantity("dyestuff2_anova_psi", dyestuff2_anova_psi)


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# A negative estimate of a variance looks like a mistake and is none.
# It says that the batch means of `dyestuff2` differ less than chance alone makes them differ on average.
# An estimator that is right on average for $\psi = 0$ has to fall below zero about half the time.
# The likelihood will treat such data differently, in Task 1.4.

# %% [markdown]
# ## 1.3 Write the deviance
# Mean squares are simple, but with unequal sizes they waste information, and they do not extend to the models of later weeks.
# Maximum likelihood does both.
#
# There are three unknowns, $\beta$, $\psi$ and $\sigma^2$.
# Replace $\psi$ by the ratio $\lambda = \psi / \sigma^2$.
# For a given $\lambda$ the best $\beta$ and the best $\sigma^2$ have formulas of their own, so that we can put these in and are left with a function of *one* number.
# This is called *profiling*, and lme4 does the same (Bates, Mächler, Bolker and Walker 2015).
#
# $$
# w_j = \frac{n_j}{1 + n_j \lambda}, \qquad
# b = \frac{\sum_j w_j \bar y_j}{\sum_j w_j}, \qquad
# r^2 = \sum_j \mathrm{ssw}_j + \sum_j w_j (\bar y_j - b)^2
# $$
#
# $$
# \begin{aligned}
# d_{\mathrm{ML}}(\lambda) &= \sum_j \log(1 + n_j \lambda) + N \Bigl[1 + \log \frac{2 \pi r^2}{N}\Bigr] \\
# d_{\mathrm{REML}}(\lambda) &= \sum_j \log(1 + n_j \lambda) + \log \sum_j w_j + (N - 1) \Bigl[1 + \log \frac{2 \pi r^2}{N - 1}\Bigr]
# \end{aligned}
# $$
#
# The *deviance* is $-2$ times the log-likelihood: small is good.
# Read the weights: at $\lambda = 0$ they are $w_j = n_j$, every pupil counts the same.
# As $\lambda$ grows they all approach $1 / \lambda$, every school counts the same.
# The first sum is the price for a large $\lambda$; without it the deviance would always prefer a larger one.
# REML (restricted maximum likelihood) adds a term and divides by $N - 1$, because one degree of freedom went into the mean.

# %% [raw]
# # BEGIN QUESTION
# name: task1_3

# %% [markdown]
# **Write** `vc_deviance(lam, stats, reml=True)`, where `stats` is a table of `cluster_stats`.
# A negative `lam` raises a `ValueError`.
#
# **Apply** it to `hsb_stats`, with REML: `hsb_crit_0` is the criterion at $\lambda = 0$, `hsb_crit_022` the criterion at $\lambda = 0.22$.
#
# **Draw** the criterion of `hsb` for $\lambda$ from 0.12 to 0.36, once for REML and once for ML.
# The two lie about a point apart; to compare their shapes, subtract from each curve its smallest value.

# %%
hsb_crit_0 = vc_deviance(0.0, hsb_stats, reml=True)  # SOLUTION 1.3
hsb_crit_022 = vc_deviance(0.22, hsb_stats, reml=True)  # SOLUTION 1.3

# %%
# both curves, in one picture
# BEGIN SOLUTION 1.3
ratios = np.linspace(0.12, 0.36, 121)
fig, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
for use_reml, style in [(True, "-"), (False, "--")]:
    curve = np.array([vc_deviance(ratio, hsb_stats, reml=use_reml) for ratio in ratios])
    ax.plot(ratios, curve - curve.min(), style, label="REML" if use_reml else "ML")
ax.set_xlabel("ratio of variances λ = ψ / σ² (no unit)")
ax.set_ylabel("criterion above its minimum")
ax.legend(title="method", frameon=False)
sns.despine()
# END SOLUTION

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_vc_deviance(vc_deviance):
    import math

    import pandas as pd

    from hlmtools import check

    stats = pd.DataFrame({"n": [2, 2], "mean": [12.0, 22.0], "ssw": [8.0, 8.0]}, index=["a", "b"])
    expected = 2 * math.log(4) + 4 * (1 + math.log(2 * math.pi * 41 / 4))
    check.by_hand(
        vc_deviance(1.5, stats, reml=False),
        expected,
        "vc_deviance(1.5, stats of 10, 14 | 20, 24, reml=False)",
        "each w is 2/4, b = 17, r2 = 16 + 25, so 2 log 4 + 4 [1 + log(2 pi 41/4)]",
    )


# %%
@test_case()
def form_of_the_criteria(hsb_crit_0, hsb_crit_022):
    from hlmtools import check

    check.no_slip("hsb_crit_0", hsb_crit_0)
    check.no_slip("hsb_crit_022", hsb_crit_022)
    check.number(hsb_crit_0, "hsb_crit_0", low=0)
    check.number(hsb_crit_022, "hsb_crit_022", low=0)


# %%
@test_case(points=1.5, hidden=True)
def restricted_likelihood_off_the_optimum(vc_deviance):
    from autograder import expect
    from hlmtools.simulate import two_level

    d = two_level(psi=4, sigma2=9, sizes=[3, 8, 20, 2, 31, 1], beta=50, seed=1301)
    stats = expect.solved().cluster_stats(d["y"], d["g"])
    for lam in (0.07, 0.9, 6.0):
        expect.agrees("vc_deviance", vc_deviance, lam, stats, True, name="REML, unequal classes")


# %%
@test_case(points=1.5, hidden=True)
def full_likelihood_off_the_optimum(vc_deviance):
    from autograder import expect
    from hlmtools.simulate import two_level

    d = two_level(psi=1, sigma2=6, sizes=[12, 5, 5, 2, 1, 27], beta=-8, seed=1302)
    stats = expect.solved().cluster_stats(d["y"], d["g"])
    for lam in (0.03, 0.4, 11.0):
        expect.agrees("vc_deviance", vc_deviance, lam, stats, False, name="ML, unequal classes")


# %%
@test_case(points=1, hidden=True)
def ordinary_regression_at_ratio_zero(vc_deviance):
    import numpy as np
    from scipy.stats import norm

    from autograder import expect
    from hlmtools.simulate import two_level

    d = two_level(psi=3, sigma2=5, sizes=[4, 9, 1, 6], beta=20, seed=1303)
    stats = expect.solved().cluster_stats(d["y"], d["g"])
    pooled = -2 * norm.logpdf(d["y"], d["y"].mean(), d["y"].std(ddof=0)).sum()
    expect.close(vc_deviance(0.0, stats, False), float(pooled), name="the ML deviance at zero")
    expect.agrees("vc_deviance", vc_deviance, 0.0, stats, True, name="REML at ratio zero")
    expect.true(np.isfinite(vc_deviance(0, stats, True)), "A whole number 0 should do as well.")


# %%
@test_case(points=0.5, hidden=True)
def very_large_ratio(vc_deviance):
    from autograder import expect
    from hlmtools.simulate import two_level

    d = two_level(psi=900, sigma2=1, sizes=[2, 7, 3, 3], beta=0, seed=1304)
    stats = expect.solved().cluster_stats(d["y"], d["g"])
    expect.agrees("vc_deviance", vc_deviance, 5000.0, stats, True, name="a very large ratio")


# %%
@test_case(points=0.5, hidden=True)
def negative_ratio_is_refused(vc_deviance):
    from autograder import expect

    stats = expect.solved().cluster_stats([1.0, 3.0, 5.0, 8.0], ["a", "a", "b", "b"])
    expect.raises(ValueError, vc_deviance, -0.1, stats, name="a negative ratio of variances")


# %%
@test_case(points=0.5, hidden=True)
def criterion_of_hsb_without_schools(hsb_crit_0):
    from autograder import expect

    expect.quantity("hsb_crit_0", hsb_crit_0)


# %%
@test_case(points=0.5, hidden=True)
def criterion_of_hsb_near_its_minimum(hsb_crit_022):
    from autograder import expect

    expect.quantity("hsb_crit_022", hsb_crit_022)


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# Read your picture.
# The valley is smooth and has one lowest point, and REML and ML put it at almost the same place: with 160 schools one degree of freedom hardly matters.
# Near the bottom the curve is flat: over a stretch of $\lambda$ it changes by less than a point.
# That stretch is how uncertain $\lambda$ is.
# The criterion at $\lambda = 0$, far outside the picture, is about a thousand points higher: a world without school differences explains these data very badly.

# %% [markdown]
# ## 1.4 Fit the model
# The estimate $\hat\lambda$ is where the criterion is smallest over $\lambda \ge 0$.
# The rest follows from it:
#
# $$
# \hat\beta = b, \qquad
# \hat\sigma^2 = \begin{cases} r^2 / (N - 1) & \text{REML} \\ r^2 / N & \text{ML} \end{cases}, \qquad
# \hat\psi = \hat\lambda \hat\sigma^2, \qquad
# \operatorname{se}(\hat\beta) = \sqrt{\hat\sigma^2 / \textstyle\sum_j w_j} .
# $$
#
# One trap waits at the boundary.
# If the criterion rises from $\lambda = 0$ on, the estimate is *exactly* 0, and the fit is called **singular**.
# A numerical minimizer on an interval comes close to its end and never gets there: it returns something like 0.000005 and says that all is well.
# So compare what it finds with the criterion at 0 yourself.

# %% [raw]
# # BEGIN QUESTION
# name: task1_4

# %% [markdown]
# **Write** `fit_vc(y, g, reml=True)`.
# It returns a `VCResult` with the fields `beta`, `se`, `psi`, `sigma2`, `deviance`, `reml`, `singular` and `stats`.
# `scipy.optimize.minimize_scalar` is imported for you as `optimize.minimize_scalar`; ask it for enough digits (`xatol`).
#
# **Fit** `hsb` by REML: `hsb_fit`, and from it `hsb_beta` and `hsb_se` (test points), `hsb_psi` and `hsb_sigma2` (squared test points).
# Then fit it by ML: `hsb_fit_ml`, and from it `hsb_psi_ml`.

# %%
hsb_fit = fit_vc(hsb["mAch"], hsb["school"])  # SOLUTION 1.4
hsb_beta = hsb_fit.beta  # SOLUTION 1.4
hsb_se = hsb_fit.se  # SOLUTION 1.4
hsb_psi = hsb_fit.psi  # SOLUTION 1.4
hsb_sigma2 = hsb_fit.sigma2  # SOLUTION 1.4

# %%
hsb_fit_ml = fit_vc(hsb["mAch"], hsb["school"], reml=False)  # SOLUTION 1.4
hsb_psi_ml = hsb_fit_ml.psi  # SOLUTION 1.4

# %% [markdown]
# Compare your REML estimates with the published ones.
# Raudenbush and Bryk (2002, Table 4.2; also on UCLA's SAS pages) report a mean of 12.64 points, a variance between schools of 8.61 and a variance within schools of 39.15.
#
# **A package.** The package `statsmodels` fits the same model with `mixedlm`.
# Look at its printed parameters, and at the residual variance that it calls `scale`.

# %%
statsmodels_fit = smf.mixedlm("mAch ~ 1", hsb, groups=hsb["school"]).fit(reml=True)
print(statsmodels_fit.params.round(4).to_string())
print(f"scale        {statsmodels_fit.scale:.4f}")

# %% [markdown]
# The entry `Group Var` is *not* in squared test points, whatever its name says.
# `statsmodels` keeps its variance parameters in units of the residual variance: what you see is the ratio $\lambda$.
# The same holds for its standard errors and for `conf_int()`.
#
# **Get** `statsmodels_psi`, the variance between schools in squared test points, out of the object `statsmodels_fit`, as a plain number.
# (Its standard error of the mean differs from yours in the fifth digit: it takes the uncertainty of the variances into account in another way. Both count as right.)

# %%
statsmodels_psi = float(statsmodels_fit.cov_re.iloc[0, 0])  # SOLUTION 1.4

# %% [markdown]
# **At the boundary.** Fit `dyestuff2` by REML: `dyestuff2_fit`, and from it `dyestuff2_psi`.
#
# **On other data.** `bdf` holds a language test of 2287 pupils in 131 Dutch primary schools (Snijders and Bosker), with the columns `langPOST` (test points) and `schoolNR`.
# Fit it by **maximum likelihood**, as the published table does: `bdf_fit`, and from it `bdf_psi` and `bdf_sigma2`.
# Their Table 4.1 (as on UCLA's SAS pages) has 19.4 and 64.6.

# %%
dyestuff2_fit = fit_vc(dyestuff2["Yield"], dyestuff2["Batch"])  # SOLUTION 1.4
dyestuff2_psi = dyestuff2_fit.psi  # SOLUTION 1.4

# %%
bdf = load_dataset("bdf")
bdf_fit = fit_vc(bdf["langPOST"], bdf["schoolNR"], reml=False)  # SOLUTION 1.4
bdf_psi = bdf_fit.psi  # SOLUTION 1.4
bdf_sigma2 = bdf_fit.sigma2  # SOLUTION 1.4

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_fit_vc(fit_vc):
    from hlmtools import check

    fit = fit_vc([10.0, 14.0, 20.0, 24.0], ["a", "a", "b", "b"])
    check.by_hand(fit.beta, 17, "beta of 10, 14 | 20, 24", "equal sizes, so (12 + 22) / 2")
    check.by_hand(round(fit.psi, 2), 46, "psi, to two decimals", "as by ANOVA, (100 - 8) / 2")
    check.by_hand(round(fit.sigma2, 2), 8, "sigma2, to two decimals", "as by ANOVA, (8 + 8) / 2")
    check.by_hand(round(fit.se, 3), 5, "se, to three decimals", "sqrt((46 + 8/2) / 2)")


# %%
@test_case()
def form_of_the_fit_of_hsb(hsb_fit, hsb_beta, hsb_se, hsb_psi, hsb_sigma2):
    from hlmtools import check

    check.number(getattr(hsb_fit, "deviance", hsb_fit), "hsb_fit.deviance", low=0)
    check.number(hsb_beta, "hsb_beta", low=-3, high=25)
    check.number(hsb_se, "hsb_se", low=0)
    check.number(hsb_psi, "hsb_psi", low=0)
    check.number(hsb_sigma2, "hsb_sigma2", low=0)
    check.no_slip("hsb_deviance", hsb_fit.deviance)
    check.no_slip("hsb_beta", hsb_beta)
    check.no_slip("hsb_se", hsb_se)
    check.no_slip("hsb_psi", hsb_psi)
    check.no_slip("hsb_sigma2", hsb_sigma2)


# %%
@test_case()
def form_of_the_other_fits(hsb_psi_ml, statsmodels_psi, dyestuff2_psi, bdf_psi, bdf_sigma2):
    from hlmtools import check

    check.number(hsb_psi_ml, "hsb_psi_ml", low=0)
    check.number(statsmodels_psi, "statsmodels_psi", low=0)
    check.number(bdf_psi, "bdf_psi", low=0)
    check.number(bdf_sigma2, "bdf_sigma2", low=0)
    check.no_slip("hsb_psi_ml", hsb_psi_ml)
    check.no_slip("statsmodels_psi", statsmodels_psi)
    check.no_slip("dyestuff2_psi", dyestuff2_psi)
    check.number(dyestuff2_psi, "dyestuff2_psi", low=0)
    check.no_slip("bdf_psi", bdf_psi)
    check.no_slip("bdf_sigma2", bdf_sigma2)


# %%
@test_case(points=1, hidden=True)
def restricted_fit_of_unbalanced_classes(fit_vc):
    from autograder import expect
    from hlmtools.simulate import two_level

    d = two_level(psi=6, sigma2=9, sizes=[3, 8, 20, 2, 31, 1, 14, 9], beta=50, seed=1401)
    expect.agrees(
        "fit_vc",
        fit_vc,
        d["y"],
        d["g"],
        fields=("psi", "sigma2"),
        tolerance="variance_component",
        name="unequal classes, by REML",
    )


# %%
@test_case(points=1, hidden=True)
def full_likelihood_fit_of_unbalanced_classes(fit_vc):
    from autograder import expect
    from hlmtools.simulate import two_level

    d = two_level(psi=6, sigma2=9, sizes=[5, 4, 11, 2, 17, 1, 3], beta=50, seed=1402)
    expect.agrees(
        "fit_vc",
        fit_vc,
        d["y"],
        d["g"],
        reml=False,
        fields=("psi", "sigma2"),
        tolerance="variance_component",
        name="unequal classes, by ML",
    )


# %%
@test_case(points=1, hidden=True)
def mean_and_standard_error(fit_vc):
    from autograder import expect
    from hlmtools.simulate import two_level

    d = two_level(psi=40, sigma2=30, sizes=[2, 44, 6, 9, 25, 3, 14], beta=100, seed=1403)
    args, name = (d["y"], d["g"]), "unequal classes"
    expect.agrees("fit_vc", fit_vc, *args, fields=("beta",), tolerance="fixed_effect", name=name)
    expect.agrees("fit_vc", fit_vc, *args, fields=("se",), tolerance="standard_error", name=name)


# %%
@test_case(points=0.5, hidden=True)
def criterion_is_the_smallest(fit_vc):
    from autograder import expect
    from hlmtools.simulate import two_level

    d = two_level(psi=400, sigma2=2, sizes=[2, 5, 3, 8, 4], beta=0, seed=1404)
    for reml in (True, False):
        expect.agrees(
            "fit_vc",
            fit_vc,
            d["y"],
            d["g"],
            reml=reml,
            fields=("deviance",),
            tolerance="deviance",
            name="clusters that differ a great deal",
        )


# %%
@test_case(points=1, hidden=True)
def boundary_is_exact_and_marked_singular(fit_vc):
    from autograder import expect
    from hlmtools.simulate import two_level

    y = [1.0, 9.0, 2.0, 8.5, 1.5, 9.5, 4.0, 6.0]
    fit = fit_vc(y, ["x", "x", "y", "y", "z", "z", "z", "x"])
    expect.close(fit.psi, 0.0, tolerance="zero", name="psi of very similar clusters")
    expect.true(bool(fit.singular), "A fit with psi = 0 should say singular=True.")
    spread = fit_vc([10.0, 14.0, 20.0, 24.0], ["a", "a", "b", "b"])
    expect.true(not bool(spread.singular), "A fit with psi > 0 should say singular=False.")
    faint = two_level(psi=1, sigma2=9, sizes=[3, 8, 20, 2, 5, 9], beta=50, seed=1417)
    fit = fit_vc(faint["y"], faint["g"])
    expect.true(not bool(fit.singular), "A fit with a small psi > 0 should say singular=False.")


# %%
@test_case(points=0.5, hidden=True)
def single_cluster_is_refused(fit_vc):
    from autograder import expect

    expect.raises(ValueError, fit_vc, [1.0, 2.0, 4.0], ["a", "a", "a"], name="a single cluster")
    expect.raises(ValueError, fit_vc, [1.0, 1.0, 4.0, 4.0], list("aabb"), name="equal units")


# %%
@test_case(points=1, hidden=True)
def variances_of_hsb(hsb_fit, hsb_psi, hsb_sigma2):
    from autograder import expect

    expect.quantity("hsb_deviance", hsb_fit.deviance)
    expect.quantity("hsb_psi", hsb_psi)
    expect.quantity("hsb_sigma2", hsb_sigma2)


# %%
@test_case(points=0.5, hidden=True)
def mean_of_hsb(hsb_beta, hsb_se):
    from autograder import expect

    expect.quantity("hsb_beta", hsb_beta)
    expect.quantity("hsb_se", hsb_se)


# %%
@test_case(points=0.5, hidden=True)
def variance_by_maximum_likelihood(hsb_psi_ml):
    from autograder import expect

    expect.quantity("hsb_psi_ml", hsb_psi_ml)


# %%
@test_case(points=0.5, hidden=True)
def variance_from_statsmodels(statsmodels_psi):
    from autograder import expect

    expect.quantity("statsmodels_psi", statsmodels_psi)


# %%
@test_case(points=0.5, hidden=True)
def variances_of_the_dutch_schools(dyestuff2_psi, bdf_psi, bdf_sigma2):
    from autograder import expect

    expect.quantity("dyestuff2_psi", dyestuff2_psi)
    expect.quantity("bdf_psi", bdf_psi)
    expect.quantity("bdf_sigma2", bdf_sigma2)


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# Read your results.
#
# - *Where does $\hat\beta$ fall?* Between the two means of Task 1.1, and close to the mean in which every school counts once. The weights $w_j$ explain it: with $\hat\lambda$ as large as here, $1 + n_j \hat\lambda$ grows almost in step with $n_j$, so that the largest sample, with nearly five times as many pupils as the smallest, weighs only about a quarter more.
# - *ML and REML.* The variance between schools is slightly smaller by ML, because ML forgets that $\beta$ was estimated too. With 160 schools that is a matter of less than one percent; with the six batches of `dyestuff` it is more than a fifth.
# - *`dyestuff2`.* The ANOVA estimate was negative; the likelihood only looks at $\lambda \ge 0$ and stops at 0. A singular fit does not prove that batches are all alike. It says that six batches of five cannot show a difference: a standard deviation between batches of about 2 units would still be compatible with these data.

# %% [markdown]
# ## 1.5 Turn variances into an intraclass correlation and reliabilities
# Two variances are hard to judge by themselves.
# Two ratios help.
#
# The **intraclass correlation** compares the variance between clusters with all of it:
#
# $$
# \rho = \frac{\psi}{\psi + \sigma^2} .
# $$
#
# It is the correlation of the scores of two pupils from the same school, and it is the share of the variance of scores that lies between schools.
#
# The **reliability** of the mean of $n_j$ pupils asks how well that mean measures the true mean of their school:
#
# $$
# R_j = \frac{\psi}{\psi + \sigma^2 / n_j} = \frac{n_j \psi}{n_j \psi + \sigma^2} .
# $$
#
# It is the share of the variance of *school means* that true differences make up.
# With one pupil it is the intraclass correlation; with more pupils it grows towards 1.

# %% [raw]
# # BEGIN QUESTION
# name: task1_5

# %% [markdown]
# **Write** `icc(psi, sigma2)` and `reliability(psi, sigma2, n)`.
# Both take *variances*; a negative one raises a `ValueError`, and a $\psi$ of 0 gives 0.
# `n` may be one number (the result is one number) or an array or column of sizes (the result is an array).
#
# **Apply** them to `hsb`, with your REML estimates:
# - `hsb_icc`;
# - `hsb_reliability_14` and `hsb_reliability_67`, for the smallest and the largest of the 160 samples, 14 and 67 pupils;
# - `hsb_mean_reliability`, the mean of the 160 reliabilities.
#
# **On other data.**
# - `bdf_icc`, with your estimates for the Dutch schools.
# - `rail_icc`, from a printout of R's lme4. Six rails were chosen at random, and the travel time of an ultrasonic wave was measured three times on each:
#
# ```
# Random effects:
#  Groups   Name        Std.Dev.
#  Rail     (Intercept) 24.805
#  Residual              4.021
# ```

# %%
hsb_icc = icc(hsb_psi, hsb_sigma2)  # SOLUTION 1.5
hsb_reliability_14 = reliability(hsb_psi, hsb_sigma2, 14)  # SOLUTION 1.5
hsb_reliability_67 = reliability(hsb_psi, hsb_sigma2, 67)  # SOLUTION 1.5
hsb_mean_reliability = reliability(hsb_psi, hsb_sigma2, hsb_stats["n"]).mean()  # SOLUTION 1.5

# %%
bdf_icc = icc(bdf_psi, bdf_sigma2)  # SOLUTION 1.5
rail_icc = icc(24.805**2, 4.021**2)  # SOLUTION 1.5

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_icc_and_reliability(icc, reliability):
    from hlmtools import check

    check.by_hand(icc(1.0, 4.0), 0.2, "icc(1, 4)", "1 / (1 + 4)")
    check.by_hand(reliability(1.0, 4.0, 4), 0.5, "reliability(1, 4, 4)", "4 * 1 / (4 * 1 + 4)")
    check.by_hand(
        reliability(1.0, 4.0, [1, 4, 16]),
        [0.2, 0.5, 0.8],
        "reliability(1, 4, [1, 4, 16])",
        "1/5, 4/8, 16/20",
    )


# %%
@test_case()
def form_of_the_ratios_of_hsb(
    hsb_icc, hsb_reliability_14, hsb_reliability_67, hsb_mean_reliability
):
    from hlmtools import check

    check.number(hsb_icc, "hsb_icc", low=0, high=1)
    check.number(hsb_reliability_14, "hsb_reliability_14", low=0, high=1)
    check.number(hsb_reliability_67, "hsb_reliability_67", low=0, high=1)
    check.number(hsb_mean_reliability, "hsb_mean_reliability", low=0, high=1)
    check.no_slip("hsb_icc", hsb_icc)
    check.no_slip("hsb_reliability_14", hsb_reliability_14)
    check.no_slip("hsb_reliability_67", hsb_reliability_67)
    check.no_slip("hsb_mean_reliability", hsb_mean_reliability)


# %%
@test_case()
def form_of_the_other_correlations(bdf_icc, rail_icc):
    from hlmtools import check

    check.number(bdf_icc, "bdf_icc", low=0, high=1)
    check.number(rail_icc, "rail_icc", low=0, high=1)
    check.no_slip("bdf_icc", bdf_icc)
    check.no_slip("rail_icc", rail_icc)


# %%
@test_case(points=0.5, hidden=True)
def correlation_on_other_variances(icc):
    from autograder import expect

    expect.agrees("icc", icc, 3.7, 11.9, name="other variances")
    expect.agrees("icc", icc, 0.2, 0.3, name="small variances")
    expect.agrees("icc", icc, 4.0, 0.0, name="no variance within clusters")
    expect.agrees("icc", icc, 0.0, 2.5, name="no variance between clusters")


# %%
@test_case(points=1, hidden=True)
def reliability_of_one_size_and_of_many(reliability):
    import numpy as np

    from autograder import expect

    expect.agrees("reliability", reliability, 3.7, 11.9, 6, name="one size")
    sizes = np.array([1, 2, 9, 30, 250])
    expect.agrees("reliability", reliability, 0.8, 5.3, sizes, name="several sizes")
    expect.agrees("reliability", reliability, 0.0, 5.3, sizes, name="no variance between clusters")
    expect.agrees("reliability", reliability, 0.2, 0.3, 4, name="small variances")
    expect.agrees("reliability", reliability, 4.0, 0.0, 3, name="no variance within clusters")


# %%
@test_case(points=0.5, hidden=True)
def negative_variance_is_refused(icc, reliability):
    from autograder import expect

    expect.raises(ValueError, icc, -1.0, 4.0, name="a negative psi")
    expect.raises(ValueError, icc, 0.0, 0.0, name="no variance at all")
    expect.raises(ValueError, reliability, -1.0, 4.0, 5, name="a negative psi")
    expect.raises(ValueError, reliability, 0.0, 0.0, 5, name="no variance at all")
    expect.raises(ValueError, reliability, 1.0, 4.0, 0, name="a cluster without units")


# %%
@test_case(points=0.5, hidden=True)
def correlation_of_hsb(hsb_icc, hsb_psi, hsb_sigma2):
    from autograder import expect

    expect.quantity("hsb_icc", hsb_icc, follows=lambda: expect.solved().icc(hsb_psi, hsb_sigma2))


# %%
@test_case(points=0.5, hidden=True)
def reliabilities_of_hsb(
    hsb_reliability_14, hsb_reliability_67, hsb_mean_reliability, hsb_psi, hsb_sigma2, hsb_stats
):
    from autograder import expect

    def own(sizes):
        return expect.solved().reliability(hsb_psi, hsb_sigma2, sizes)

    expect.quantity("hsb_reliability_14", hsb_reliability_14, follows=lambda: own(14))
    expect.quantity("hsb_reliability_67", hsb_reliability_67, follows=lambda: own(67))
    expect.quantity(
        "hsb_mean_reliability",
        hsb_mean_reliability,
        follows=lambda: float(own(hsb_stats["n"]).mean()),
    )


# %%
@test_case(points=0.5, hidden=True)
def correlation_of_the_dutch_schools(bdf_icc, bdf_psi, bdf_sigma2):
    from autograder import expect

    expect.quantity("bdf_icc", bdf_icc, follows=lambda: expect.solved().icc(bdf_psi, bdf_sigma2))


# %%
@test_case(points=0.5, hidden=True)
def correlation_from_a_printout(rail_icc):
    from autograder import expect

    expect.quantity("rail_icc", rail_icc)


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# Three kinds of data, three kinds of clusters.
# Rails differ so much, and are measured so exactly, that two measurements of one rail almost agree.
# Two pupils of one school are only a little alike, in America as in the Netherlands.
# And yet the *mean* of a school is measured well: an intraclass correlation and a reliability answer different questions, and a small one goes together with a large other as soon as there are enough pupils.

# %% [markdown]
# ## 1.6 Predict the schools' effects
# Now to the schools themselves.
# For school $j$ the data offer $\bar y_j - \hat\beta$, its deviation from the overall mean as observed (it is the maximum likelihood estimate if $\zeta_j$ is taken for a fixed number, hence `ml`).
# But the model knows more: that most schools are not far from average, and how unreliable the mean of a few pupils is.
# Given the data, $\zeta_j$ is normally distributed with mean and variance
#
# $$
# \tilde\zeta_j = R_j (\bar y_j - \hat\beta), \qquad
# \operatorname{Var}(\zeta_j \mid y) = (1 - R_j) \psi .
# $$
#
# $\tilde\zeta_j$ is the **empirical Bayes** prediction (also called BLUP): the observed deviation, *shrunk* towards zero by the reliability.
# Two standard errors go with it, and they serve two purposes:
#
# | | formula | question |
# |:---|:---|:---|
# | comparative, `comp_se` | $\sqrt{(1 - R_j)\psi}$ | How far may $\tilde\zeta_j$ be from the true $\zeta_j$? |
# | diagnostic, `diag_se` | $\sqrt{R_j \psi}$ | How far from zero do predictions like this one fall, over schools? |
#
# The first belongs around a prediction in a comparison of schools; the second helps to find schools that do not fit the model.
# Their squares add up to $\psi$.
# If the uncertainty of $\hat\beta$ is to be counted too, $(1 - R_j)^2 \operatorname{se}(\hat\beta)^2$ is added to the comparative variance (`plus_beta=True`).

# %% [raw]
# # BEGIN QUESTION
# name: task1_6

# %% [markdown]
# **Write** `eb_predict(fit, plus_beta=False)`, where `fit` is a result of `fit_vc`.
# It returns a DataFrame with one row a cluster and the columns `ml`, `R`, `eb`, `comp_se` and `diag_se`.
#
# **Apply** it to `hsb_fit`: `hsb_predictions` is the table, `eb_8367` and `eb_8367_se` are the prediction and the comparative standard error of school `"8367"`, and `eb_2305` is the prediction of school `"2305"`, all in test points.
#
# **Draw** a shrinkage plot and a caterpillar plot of the schools with `plots.shrinkage` and `plots.caterpillar` (see `help(plots)`), with school `"8367"` highlighted.
#
# **Read** them: `lowest_mean` is the label of the school with the lowest observed mean, `lowest_eb` the label of the school with the lowest prediction, both as text such as `"8367"`.

# %%
hsb_predictions = eb_predict(hsb_fit)  # SOLUTION 1.6
eb_8367 = hsb_predictions.loc["8367", "eb"]  # SOLUTION 1.6
eb_8367_se = hsb_predictions.loc["8367", "comp_se"]  # SOLUTION 1.6
eb_2305 = hsb_predictions.loc["2305", "eb"]  # SOLUTION 1.6

# %%
# the shrinkage plot
# BEGIN SOLUTION 1.6
ax = plots.shrinkage(hsb_predictions, highlight=["8367"], unit="test points")
# END SOLUTION

# %%
# the caterpillar plot
# BEGIN SOLUTION 1.6
ax = plots.caterpillar(hsb_predictions, highlight=["8367"], unit="test points")
# END SOLUTION

# %%
lowest_mean = hsb_predictions["ml"].idxmin()  # SOLUTION 1.6
lowest_eb = hsb_predictions["eb"].idxmin()  # SOLUTION 1.6

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_eb_predict(eb_predict):
    import pandas as pd

    from hlmtools import check
    from hlmtools.records import VCResult

    stats = pd.DataFrame({"n": [4, 1], "mean": [12.0, 5.0], "ssw": [9.0, 0.0]}, index=["a", "b"])
    fit = VCResult(10.0, 1.5, 4.0, 16.0, 30.0, True, False, stats)
    table = eb_predict(fit)
    columns = ["ml", "R", "eb", "comp_se", "diag_se"]
    check.frame(table, "eb_predict(...)", columns=columns, index=["a", "b"])
    check.by_hand(table["R"], [0.5, 0.2], "the column R", "16 / (16 + 16), 4 / (4 + 16)")
    check.by_hand(table["eb"], [1, -1], "the column eb", "0.5 (12 - 10), 0.2 (5 - 10)")


# %%
@test_case()
def form_of_the_predictions(eb_8367, eb_8367_se, eb_2305, lowest_mean, lowest_eb):
    from hlmtools import check

    check.no_slip("eb_8367", eb_8367)
    check.number(eb_8367, "eb_8367", high=0)
    check.number(eb_8367_se, "eb_8367_se", low=0)
    check.number(eb_2305, "eb_2305")
    check.no_slip("eb_8367_se", eb_8367_se)
    check.no_slip("eb_2305", eb_2305)
    for label in (lowest_mean, lowest_eb):
        assert isinstance(label, str), 'lowest_mean and lowest_eb are labels: text such as "8367".'


# %%
@test_case(points=1.5, hidden=True)
def shrinkage_of_unequal_clusters(eb_predict):
    from autograder import expect
    from hlmtools.simulate import two_level

    d = two_level(psi=6, sigma2=20, sizes=[3, 8, 20, 2, 31, 1, 14], beta=50, seed=1601)
    fit = expect.solved().fit_vc(d["y"], d["g"])
    want = expect.solved().eb_predict(fit)
    expect.agrees("eb_predict", eb_predict, fit, name="unequal classes")
    expect.frame(eb_predict(fit), want, name="the table", columns=["ml", "R", "eb"])


# %%
@test_case(points=1, hidden=True)
def both_standard_errors(eb_predict):
    from autograder import expect
    from hlmtools.simulate import two_level

    d = two_level(psi=15, sigma2=8, sizes=[2, 5, 9, 1, 6, 40], beta=-5, seed=1602)
    fit = expect.solved().fit_vc(d["y"], d["g"], reml=False)
    want = expect.solved().eb_predict(fit)
    expect.agrees("eb_predict", eb_predict, fit, name="classes fitted by ML")
    expect.frame(eb_predict(fit), want, name="the table", columns=["comp_se", "diag_se"])


# %%
@test_case(points=0.5, hidden=True)
def uncertainty_of_the_mean_is_added(eb_predict):
    from autograder import expect
    from hlmtools.simulate import two_level

    d = two_level(psi=15, sigma2=30, sizes=[2, 5, 9, 1, 6], beta=70, seed=1603)
    fit = expect.solved().fit_vc(d["y"], d["g"])
    expect.agrees("eb_predict", eb_predict, fit, plus_beta=True, name="plus_beta=True")


# %%
@test_case(points=0.5, hidden=True)
def no_variance_between_clusters(eb_predict):
    from autograder import expect

    y = [1.0, 9.0, 2.0, 8.5, 1.5, 9.5, 4.0, 6.0]
    fit = expect.solved().fit_vc(y, ["x", "x", "y", "y", "z", "z", "z", "x"])
    expect.agrees("eb_predict", eb_predict, fit, name="a singular fit")


# %%
@test_case(points=0.5, hidden=True)
def prediction_of_a_small_sample(eb_8367, eb_8367_se, hsb_fit):
    from autograder import expect

    def own(column):
        return float(expect.solved().eb_predict(hsb_fit).loc["8367", column])

    expect.quantity("eb_8367", eb_8367, follows=lambda: own("eb"))
    expect.quantity("eb_8367_se", eb_8367_se, follows=lambda: own("comp_se"))


# %%
@test_case(points=0.5, hidden=True)
def prediction_of_a_large_sample(eb_2305, hsb_fit):
    from autograder import expect

    def own():
        return float(expect.solved().eb_predict(hsb_fit).loc["2305", "eb"])

    expect.quantity("eb_2305", eb_2305, follows=own)


# %%
@test_case(points=0.5, hidden=True)
def reading_of_the_two_plots(lowest_mean, lowest_eb):
    from autograder import expect

    expect.true(lowest_mean == "8854", "lowest_mean is not the school with the lowest mean.")
    expect.true(lowest_eb == "5762", "lowest_eb is not the school with the lowest prediction.")


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# Look at your two pictures before you go on.
#
# - *Shrinkage.* Every prediction is closer to zero than the observed deviation, and the schools with few pupils (dark) move most. Compare the place of school 8367 from left to right with its place from bottom to top: shrinkage changes the *order* of schools, not only their distances.
# - *Caterpillar.* Each interval covers the true effect of its school with probability 0.95 if the model holds. Most neighbors overlap. The picture can tell the lower end from the upper end; it cannot rank one school against the next. (Intervals of two schools that are to be compared with *each other* would have to be shorter, about 1.4 standard errors either way, so that two which just touch differ at the 5 percent level.)

# %% [markdown]
# ## 1.7 Test whether schools differ at all
# Is $\psi$ zero?
# The likelihood-ratio statistic compares the log-likelihoods without and with school effects:
#
# $$
# L = 2 \, (\ell_1 - \ell_0) .
# $$
#
# Usually one would look it up in a $\chi^2_1$ distribution.
# Here that is wrong, because a variance cannot be negative and the hypothesis $\psi = 0$ lies at the *edge* of what is possible.
# If there are no differences between schools, the estimate falls on the boundary about half the time, and then $L$ is exactly 0.
# The other half of the time $L$ behaves like $\chi^2_1$.
# So the probability of a value beyond $L > 0$ is
#
# $$
# p = \tfrac12 \, P(\chi^2_1 > L),
# $$
#
# and if $L = 0$ every data set is at least as extreme, so that $p = 1$ (Self and Liang 1987; Stram and Lee 1994).
# Both log-likelihoods must be of the same kind: both ML, or both REML.

# %% [raw]
# # BEGIN QUESTION
# name: task1_7

# %% [markdown]
# **Write** `lrt_psi(ll0, ll1)`, which returns the plain tuple `(L, p)`.
# A log-likelihood that is missing or infinite raises a `ValueError`.
#
# **Apply** it with *maximum likelihood* throughout.
# The log-likelihood with clusters is `fit.llf`; without them it is $-d_{\mathrm{ML}}(0)/2$, which your `vc_deviance` gives.
# - `hsb_lrt`: the statistic for `hsb`;
# - `dyestuff_lrt` and `dyestuff_lrt_p`: statistic and p-value for `dyestuff`;
# - `dyestuff2_lrt_p`: the p-value for `dyestuff2`.

# %%
hsb_lrt = lrt_psi(-vc_deviance(0.0, hsb_stats, reml=False) / 2, hsb_fit_ml.llf)[0]  # SOLUTION 1.7

# %%
# BEGIN SOLUTION 1.7 NO PROMPT
dyestuff_fit_ml = fit_vc(dyestuff["Yield"], dyestuff["Batch"], reml=False)
dyestuff2_fit_ml = fit_vc(dyestuff2["Yield"], dyestuff2["Batch"], reml=False)
dyestuff_ll0 = -vc_deviance(0.0, dyestuff_fit_ml.stats, reml=False) / 2
dyestuff2_ll0 = -vc_deviance(0.0, dyestuff2_fit_ml.stats, reml=False) / 2
# END SOLUTION
dyestuff_lrt = lrt_psi(dyestuff_ll0, dyestuff_fit_ml.llf)[0]  # SOLUTION 1.7
dyestuff_lrt_p = lrt_psi(dyestuff_ll0, dyestuff_fit_ml.llf)[1]  # SOLUTION 1.7
dyestuff2_lrt_p = lrt_psi(dyestuff2_ll0, dyestuff2_fit_ml.llf)[1]  # SOLUTION 1.7

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_lrt_psi(lrt_psi):
    from hlmtools import check

    result = lrt_psi(-103.0, -101.079270589)
    assert isinstance(result, tuple), "lrt_psi should return a tuple of two numbers (L, p)."
    assert len(result) == 2, "lrt_psi should return a tuple of two numbers (L, p)."
    check.by_hand(round(result[0], 6), 3.841459, "L", "2 (-101.07927 + 103)")
    check.by_hand(round(result[1], 6), 0.025, "p", "half of 0.05, as 3.841459 cuts 0.05 off chi2_1")


# %%
@test_case()
def form_of_the_tests(hsb_lrt, dyestuff_lrt, dyestuff_lrt_p, dyestuff2_lrt_p):
    from hlmtools import check

    check.number(hsb_lrt, "hsb_lrt", low=0)
    check.number(dyestuff_lrt, "dyestuff_lrt", low=0)
    check.number(dyestuff_lrt_p, "dyestuff_lrt_p", low=0, high=1)
    check.number(dyestuff2_lrt_p, "dyestuff2_lrt_p", low=0, high=1)
    check.no_slip("hsb_lrt", hsb_lrt)
    check.no_slip("dyestuff_lrt", dyestuff_lrt)
    check.no_slip("dyestuff_lrt_p", dyestuff_lrt_p)
    check.no_slip("dyestuff2_lrt_p", dyestuff2_lrt_p)


# %%
@test_case(points=1, hidden=True)
def statistic_and_tail_probability(lrt_psi):
    from autograder import expect

    for ll0, ll1 in [(-512.3, -510.9), (-77.0, -76.98), (40.2, 46.0)]:
        expect.agrees("lrt_psi", lrt_psi, ll0, ll1, name="other log-likelihoods")


# %%
@test_case(points=1, hidden=True)
def no_improvement_has_probability_one(lrt_psi):
    from autograder import expect

    expect.agrees("lrt_psi", lrt_psi, -88.25, -88.25, name="two equal log-likelihoods")
    p = lrt_psi(-88.25, -88.2500001)[1]
    expect.close(p, 1.0, name="p where the larger model is worse by rounding")


# %%
@test_case(points=0.5, hidden=True)
def missing_likelihood_is_refused(lrt_psi):
    from autograder import expect

    expect.raises(ValueError, lrt_psi, float("nan"), -10.0, name="a log-likelihood of NaN")
    expect.raises(ValueError, lrt_psi, -10.0, float("inf"), name="an infinite log-likelihood")


# %%
@test_case(points=0.5, hidden=True)
def statistic_of_hsb(hsb_lrt, hsb_fit_ml, hsb_stats):
    from autograder import expect

    def own():
        return 2 * hsb_fit_ml.llf + expect.solved().vc_deviance(0.0, hsb_stats, reml=False)

    expect.quantity("hsb_lrt", hsb_lrt, follows=own)


# %%
@test_case(points=0.5, hidden=True)
def test_of_dyestuff(dyestuff_lrt, dyestuff_lrt_p):
    from autograder import expect

    expect.quantity("dyestuff_lrt", dyestuff_lrt)
    expect.quantity(
        "dyestuff_lrt_p",
        dyestuff_lrt_p,
        follows=lambda: expect.solved().lrt_psi(0, dyestuff_lrt / 2)[1],
    )


# %%
@test_case(points=0.5, hidden=True)
def test_at_the_boundary(dyestuff2_lrt_p):
    from autograder import expect

    expect.quantity("dyestuff2_lrt_p", dyestuff2_lrt_p)


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# For `hsb` the statistic is so large that its p-value is zero for every practical purpose, and therefore uninteresting: with thousands of pupils *whether* schools differ was never in doubt.
# *How much* they differ is the question, and a test does not answer it.
# For `dyestuff`, with six batches, the test matters, and halving or not halving the tail changes the p-value by a factor of two.
# For `dyestuff2` the p-value of 1 says only that the data are as little surprising under $\psi = 0$ as data can be.

# %% [markdown]
# ## 1.8 Give the range of school means
# A principal does not think in squared test points.
# A range says the same in the units of the test: under the model, a share of 95 percent of the *true school means* lies in
#
# $$
# \hat\beta \pm z_{0.975} \sqrt{\hat\psi}, \qquad z_{0.975} \approx 1.96 .
# $$
#
# Do not mistake it for the confidence interval $\hat\beta \pm 1.96 \operatorname{se}(\hat\beta)$.
# The range describes how different schools are, and more data would not make it shorter.
# The confidence interval says how well one number, the mean of all schools, is known, and more schools would make it shorter.

# %% [raw]
# # BEGIN QUESTION
# name: task1_8

# %% [markdown]
# **Write** `coverage_range(beta, psi, level=0.95)`, which returns the plain tuple `(low, high)`.
# A negative variance, or a level that is not between 0 and 1, raises a `ValueError`.
# `scipy.stats.norm` is imported for you.
#
# **Apply** it to `hsb`: `school_range`, in test points.

# %%
school_range = coverage_range(hsb_beta, hsb_psi)  # SOLUTION 1.8

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_coverage_range(coverage_range):
    from hlmtools import check

    result = coverage_range(100.0, 9.0)
    assert isinstance(result, tuple), "coverage_range should return a tuple of two numbers."
    assert len(result) == 2, "coverage_range should return a tuple of two numbers."
    check.by_hand(
        round(result[0], 4), 94.1201, "low of coverage_range(100, 9)", "100 - 1.959964 * 3"
    )
    check.by_hand(
        round(result[1], 4), 105.8799, "high of coverage_range(100, 9)", "100 + 1.959964 * 3"
    )


# %%
@test_case()
def form_of_school_range(school_range):
    from hlmtools import check

    check.array(school_range, "school_range", shape=(2,))
    assert school_range[0] < school_range[1], "school_range should be (low, high), in this order."
    check.no_slip("school_range_low", school_range[0])
    check.no_slip("school_range_high", school_range[1])


# %%
@test_case(points=1, hidden=True)
def other_levels(coverage_range):
    from autograder import expect

    expect.agrees("coverage_range", coverage_range, -4.2, 7.3, 0.8, name="a level of 80 percent")
    expect.agrees("coverage_range", coverage_range, 250.0, 0.09, level=0.99, name="99 percent")


# %%
@test_case(points=0.5, hidden=True)
def no_variance_gives_a_point(coverage_range):
    from autograder import expect

    expect.agrees("coverage_range", coverage_range, 31.5, 0.0, name="no variance between clusters")


# %%
@test_case(points=0.5, hidden=True)
def impossible_input_is_refused(coverage_range):
    from autograder import expect

    expect.raises(ValueError, coverage_range, 10.0, -2.0, name="a negative variance")
    expect.raises(ValueError, coverage_range, 10.0, 2.0, level=95, name="a level of 95")
    expect.raises(ValueError, coverage_range, 10.0, 2.0, level=1.0, name="a level of 1")
    expect.raises(ValueError, coverage_range, 10.0, 2.0, level=0.0, name="a level of 0")


# %%
@test_case(points=1, hidden=True)
def range_of_hsb(school_range, hsb_beta, hsb_psi):
    from autograder import expect

    def own(end):
        return expect.solved().coverage_range(hsb_beta, hsb_psi)[end]

    expect.quantity("school_range_low", school_range[0], follows=lambda: own(0))
    expect.quantity("school_range_high", school_range[1], follows=lambda: own(1))


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# ## 1.9 Say it in words
# Two short answers, which your instructor reads.
# Four points each: for the right number with its unit and its level, with what it is conditional on, the assumption that makes it valid, and one limit.
# Three where one of these is missing; two for a right number in a sentence that claims a cause or confuses the levels; one for a direction only; none for the wrong quantity, such as a standard deviation in place of a variance.

# %% [raw]
# # BEGIN QUESTION
# name: task1_9a
# manual: true
# points: 4

# %% [markdown]
# **1.9a Is school 8367 the worst?**
# A principal has seen a table of mean scores.
# School 8367 stands near its bottom, and a newspaper calls it "one of the worst schools in the country".
# She asks you whether school 8367 is the worst of the 160.
# Answer her in five to eight sentences, with numbers from Task 1.6.

# %% [raw]
# # BEGIN SOLUTION

# %% [markdown]
# Probably not, and these data cannot settle it.
# The 14 pupils tested in school 8367 scored 8.1 test points below the mean of all schools; two schools have a lower mean, so it is not even last in the table.
# Fourteen pupils are few: the reliability of their mean is 0.75, so the best prediction of the school's true mean moves a quarter of the way back, to 6.1 points below the mean of schools, and four schools are predicted to be lower.
# Its true effect lies between about 9.0 and 3.3 points below the mean with probability 0.95 (comparative standard error 1.5 points), and this interval overlaps with those of many other low schools.
# So we can say that the school's mean lies clearly below average, not that it is the lowest.
# The prediction treats the schools as exchangeable draws from one normal distribution of school means, and takes the variances as known; if we knew more about the school, such as its sector or the background of its pupils, it would be shrunk towards schools like it instead.
# Above all, a low mean is not a bad school: the model holds nothing about whom the school admits, so the number says how its pupils score, not what the school does for them.

# %% [raw]
# # END SOLUTION

# %% [raw]
# # END QUESTION

# %% [raw]
# # BEGIN QUESTION
# name: task1_9b
# manual: true
# points: 4

# %% [markdown]
# **1.9b The intraclass correlation in two sentences.**
# Say what your `hsb_icc` means: in one sentence as a correlation, in one sentence as a share of variance.
# Name the two levels, and what the statement rests on.

# %% [raw]
# # BEGIN SOLUTION

# %% [markdown]
# As a correlation: the mathematics scores of two pupils drawn at random from the same randomly drawn school correlate 0.18, provided that pupils are independent given their school and that both variances are the same for all schools.
# As a share: of the variance of the scores of individual pupils in this population, 47.8 squared test points, 18 percent lies between the true means of schools and the remaining 82 percent between pupils within schools, which describes where the differences lie and not what causes them.

# %% [raw]
# # END SOLUTION

# %% [raw]
# # END QUESTION

# %% [markdown]
# ## The answer to the opening question
# How much does it matter which school a pupil attends?
#
# The true means of these schools have a standard deviation of about 2.9 test points, around an overall mean of about 12.6 points.
# Most school means lie within about six points of that mean, on a test whose scores run from about -3 to 25.
# That is a real difference: from a school one standard deviation below the mean to one above it are nearly six points.
#
# Within one school the scores of pupils have a standard deviation of about 6.3 points, more than twice as much.
# So knowing a pupil's school tells something about the score, and leaves most of it open: every school has strong and weak pupils.
#
# **What this rests on.**
# Schools are treated as independent, exchangeable draws from a population of schools, whose level has nothing to do with how many of their pupils were tested.
# Pupils of one school are taken to be alike only through their school, with the same spread in every school.
# Effects at both levels are taken to be normal; the picture at the beginning, and the test's fixed range, say that this is an approximation.
#
# **What it does not say.**
# It does not say that changing schools would change a pupil's score.
# Schools differ in whom they admit as well as in what they do, and this model holds no variable that could tell the two apart.
# In Homework 2 the pupils' socio-economic status enters the model, and part of the difference between schools will turn out to be a difference between their pupils.
