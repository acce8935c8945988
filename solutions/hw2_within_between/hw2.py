# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Homework 2. Does the company of well-off schoolmates matter?
#
# Pupils from well-off homes do better in mathematics.
# Schools with many such pupils do better still.
# Is that the same fact twice, once for pupils and once for their averages?
# Or does a pupil of given background score higher in a school where the *others* are well off?
#
# Parents act on their answer when they choose a school, and ministries when they draw catchment areas.
# The question has a name, the **contextual effect**, and it cannot be put without two levels: one and the same variable, socio-economic status, may have one slope between pupils of a school and another between schools.
#
# In this homework you write what it takes to separate the two: the random-intercept model with covariates, the fixed-effects model, and the tests that compare them.
# You write the functions in the file `hlmtools/within_between.py` and apply them here.
#
# **How to work.**
# As in Homework 1: replace a `raise NotImplementedError(...)` in the file, save it, replace the `...` here by your answers, and run the check below them.
# A check looks at the form of an answer, at one number that you can compute by hand, and at well-known mistakes.
# The values themselves are checked at grading, for the functions on data you have not seen.
# The functions `design` and `_checked` of the file are given.
#
# Where a check says "notes 2.3", it means section 2.3 of the lecture notes, `notes.ipynb`.

# %%
import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
import statsmodels.formula.api as smf
from otter.test_files import test_case  # IGNORE

from hlmtools import load_dataset, plots
from hlmtools.simulate import with_covariate
from hlmtools.within_between import (
    contextual,
    design,
    fit_ri,
    fixed_effects,
    hausman,
    lrt_fixed,
    mundlak_test,
    partial_demean,
    r2_levels,
    ri_deviance,
    within_between,
)

sns.set_theme(style="ticks", rc={"axes.spines.right": False, "axes.spines.top": False})

# %% [markdown]
# ## The data
# `hsb` again: 7185 pupils in 160 American high schools, 1982.
# Beside `mAch`, the mathematics score in **test points**, we now use `ses`, the socio-economic status of the pupil's family.
# It is a scale made from the parents' education, occupation and income, with mean 0 and standard deviation 0.78 over pupils; its unit is a **scale point**.
# Two more columns will serve as covariates: `catholic`, which is 1 for a Catholic and 0 for a public school, and `minority`, which is 1 for a pupil who belongs to a minority.

# %%
hsb = load_dataset("hsb")
hsb["catholic"] = (hsb["sector"] == "Catholic").astype(float)
hsb["minority"] = (hsb["minrty"] == "Yes").astype(float)
hsb["minority_mean"] = hsb.groupby("school")["minority"].transform("mean")
hsb[["school", "mAch", "ses", "catholic", "minority"]].sample(5, random_state=1)

# %% [markdown]
# ## The model
# Write $y_{ij}$ for the score of pupil $i$ in school $j$ and $x_{ij}$ for the pupil's `ses`.
# The **random-intercept model** with one covariate is
#
# $$
# y_{ij} = \beta_1 + \beta_2 x_{ij} + \zeta_j + \epsilon_{ij}, \qquad \zeta_j \sim N(0, \psi), \quad \epsilon_{ij} \sim N(0, \sigma^2) .
# $$
#
# In words: parallel lines, one for each school, all with slope $\beta_2$; $\zeta_j$ says how far the line of school $j$ lies above or below the average line.
# With several covariates, $\beta_1 + \beta_2 x_{ij}$ becomes $x_{ij}'\beta$, a row of the **design matrix** $X$ times the vector of coefficients.
#
# **What it assumes**, beyond what Homework 1 listed:
#
# 1. *Linearity.* The average score is a straight line in `ses`, within schools and between them.
# 2. *One slope.* The line is equally steep in every school (Homework 3 lifts this), and, as the model stands above, equally steep within schools and between them.
# 3. *Exogeneity, level 1.* Given its school, a pupil's $\epsilon_{ij}$ has nothing to do with `ses`.
# 4. *Exogeneity, level 2.* A school's $\zeta_j$ has nothing to do with the `ses` of its pupils. What makes a school better or worse than its line is no reason why well-off families choose it.
#
# Point 4 is the one to watch.
# Much of this homework is about what happens when it fails, and how to see that.

# %% [markdown]
# ## 2.1 Split the covariate
# A pupil's `ses` is the sum of two variables, one at each level:
#
# $$
# x_{ij} = \underbrace{(x_{ij} - \bar x_j)}_{\text{deviation from the school's mean}} + \underbrace{\bar x_j}_{\text{mean of the school}},
# \qquad \bar x_j = \frac{1}{n_j}\sum_i x_{ij} .
# $$
#
# The deviation says where a pupil stands *among schoolmates*; it sums to zero in every school and says nothing about the school.
# The mean says what the company is like; it is the same for all pupils of the school.
# The two parts are uncorrelated, so that their variances add up to that of $x$.

# %% [raw]
# # BEGIN QUESTION
# name: task2_1

# %% [markdown]
# **Write** `within_between(x, g)` in `hlmtools/within_between.py`.
# It returns a tuple of two arrays of the shape of `x`: the deviations, and the cluster means, each mean in every row of its cluster.
# `x` may be one column or several.
# Missing values raise a `ValueError`.
#
# **Apply** it to `ses`: `hsb_split` is what the function returns for `hsb`.
# - `hsb_first_dev` is the deviation of the first pupil of the table (row 0), in scale points.
# - `hsb_ses_share` is the share of the variance of `ses` that lies between schools: the variance of the 7185 school means (as they stand in `hsb_split`) divided by the variance of `ses`. Use `.var()` of NumPy arrays for both (`hsb["ses"].to_numpy()`).

# %%
hsb_split = within_between(hsb["ses"], hsb["school"])  # SOLUTION 2.1
hsb_first_dev = hsb_split[0][0]  # SOLUTION 2.1
hsb_ses_share = hsb_split[1].var() / hsb["ses"].to_numpy().var()  # SOLUTION 2.1

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_within_between(within_between):
    from hlmtools import check

    result = within_between([3.0, 10.0, 5.0, 20.0, 7.0], ["b", "a", "b", "a", "c"])
    assert isinstance(result, tuple), "within_between should return a tuple of two arrays."
    assert len(result) == 2, "within_between should return a tuple of two arrays."
    check.by_hand(result[0], [-1, -5, 1, 5, 0], "the deviations", "b has mean 4, a 15, c 7")
    check.by_hand(result[1], [4, 15, 4, 15, 7], "the means", "(3 + 5)/2, (10 + 20)/2, 7")


# %%
@test_case()
def form_of_the_split_of_ses(hsb_split, hsb_first_dev, hsb_ses_share):
    from hlmtools import check

    check.array(hsb_split[0], "hsb_split[0]", shape=(7185,))
    check.array(hsb_split[1], "hsb_split[1]", shape=(7185,))
    check.number(hsb_first_dev, "hsb_first_dev")
    check.no_slip("hsb_first_dev", hsb_first_dev)
    check.no_slip("hsb_ses_share", check.number(hsb_ses_share, "hsb_ses_share"))
    check.number(hsb_ses_share, "hsb_ses_share", low=0, high=1)


# %%
@test_case(points=1.5, hidden=True)
def unsorted_rows_and_text_labels(within_between):
    from autograder import expect
    from hlmtools.simulate import two_level

    d = two_level(psi=4, sigma2=9, sizes=[3, 8, 20, 2, 5], beta=50, seed=2101)
    expect.agrees("within_between", within_between, d["y"], d["g"], name="unsorted rows")


# %%
@test_case(points=0.5, hidden=True)
def several_columns_at_once(within_between):
    import numpy as np

    from autograder import expect
    from hlmtools.simulate import two_level

    d = two_level(psi=1, sigma2=2, sizes=[4, 4, 7, 1], beta=-6, seed=2102)
    both = np.column_stack([d["y"], d["y"] ** 2])
    expect.agrees("within_between", within_between, both, d["g"], name="two columns at once")


# %%
@test_case(points=0.5, hidden=True)
def lists_number_labels_and_a_cluster_of_one(within_between):
    from autograder import expect

    x, g = [3.0, 9.0, 4.0, 7.0, 1.0], [10, 9, 10, 9, 2]
    expect.agrees("within_between", within_between, x, g, name="lists with number labels")


# %%
@test_case(points=0.5, hidden=True)
def missing_value_is_refused(within_between):
    from autograder import expect

    missing = float("nan")
    expect.raises(
        ValueError, within_between, [1.0, missing, 3.0], ["a", "a", "b"], name="a NaN in x"
    )
    expect.raises(
        ValueError,
        within_between,
        [1.0, missing, 3.0],
        ["a", "b", None],
        name="two missing entries",
    )
    expect.raises(ValueError, within_between, [], [], name="no rows at all")


# %%
@test_case(points=0.5, hidden=True)
def deviation_of_the_first_pupil(hsb_first_dev):
    from autograder import expect

    expect.quantity("hsb_first_dev", hsb_first_dev)


# %%
@test_case(points=0.5, hidden=True)
def share_between_schools(hsb_ses_share):
    from autograder import expect

    expect.quantity("hsb_ses_share", hsb_ses_share)


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# Schools differ in `ses`: more than a quarter of its variance lies between them.
# Families are sorted into schools, and that is why the question of this homework can be asked at all.
#
# The data set already holds both parts of `ses`, as columns `cses` (the deviations) and `meanses` (the means).
# They equal yours up to rounding, and from here on we use them.
#
# A picture of both levels comes first.
# Small dots are pupils, the large black ones are means of schools; three schools are drawn in color.

# %%
axis_labels = ("socio-economic status (scale points)", "mathematics achievement (test points)")
colored = ["2917", "4173", "3498"]
ax = plots.within_between(hsb, "mAch", "ses", "school", highlight=colored, labels=axis_labels)

# %% [markdown]
# Look at the black dots alone: they rise steeply, and they lie in a narrow band.
# Then look at the dots of one color: they scatter over the whole height of the picture, and whether they rise at all is hard to see.
# Which of the two slopes should "the effect of socio-economic status" be?

# %% [markdown]
# ## 2.2 Write the deviance with covariates
# Homework 1 profiled the deviance down to one number, $\lambda = \psi/\sigma^2$.
# With covariates this still works, thanks to a transformation.
# Take from every variable, the constant and the response included, a *part* of its cluster's mean:
#
# $$
# x^*_{ij} = x_{ij} - k_j \bar x_j, \qquad k_j = 1 - \frac{1}{\sqrt{1 + n_j \lambda}} .
# $$
#
# This is **partial demeaning**.
# If $\lambda$ is the true ratio, the transformed residuals are uncorrelated and all have variance $\sigma^2$, so that ordinary least squares of $y^*$ on $X^*$ is the best one can do.
# Look at the two ends.
# With $\lambda = 0$ nothing is taken away: ordinary regression.
# With $\lambda \to \infty$ the whole mean is taken away: only deviations within clusters count.
# The random-intercept model lies in between, and the data decide where.
#
# With $b$ the least-squares coefficients of $y^*$ on $X^*$, $p$ their number and $r^2 = \lVert y^* - X^* b \rVert^2$,
#
# $$
# \begin{aligned}
# d_{\mathrm{ML}}(\lambda) &= \sum_j \log(1 + n_j \lambda) + N \Bigl[1 + \log \frac{2 \pi r^2}{N}\Bigr] \\
# d_{\mathrm{REML}}(\lambda) &= \sum_j \log(1 + n_j \lambda) + \log \det(X^{*\prime} X^*) + (N - p) \Bigl[1 + \log \frac{2 \pi r^2}{N - p}\Bigr] .
# \end{aligned}
# $$
#
# If $X$ is the constant alone, this is the deviance of Homework 1: $\log\det(X^{*\prime}X^*)$ is then $\log\sum_j w_j$.

# %% [raw]
# # BEGIN QUESTION
# name: task2_2

# %% [markdown]
# **Write** `partial_demean(x, g, lam)` and `ri_deviance(lam, y, X, g, reml=True)`.
# `X` is a DataFrame that holds the constant as a column of its own; `design(data, columns)` makes one.
# A negative `lam` raises a `ValueError`; `partial_demean` takes `np.inf` as well.
#
# **Apply** `ri_deviance` to `mAch` on `ses` as it is, with REML: `hsb_ses_crit_0` is the criterion at $\lambda = 0$, `hsb_ses_crit_05` the criterion at $\lambda = 0.05$.
# The design matrix is given.

# %%
X_ses = design(hsb, ["ses"])

# %%
hsb_ses_crit_0 = ri_deviance(0.0, hsb["mAch"], X_ses, hsb["school"])  # SOLUTION 2.2
hsb_ses_crit_05 = ri_deviance(0.05, hsb["mAch"], X_ses, hsb["school"])  # SOLUTION 2.2

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_partial_demean(partial_demean):
    from hlmtools import check

    check.by_hand(
        partial_demean([10.0, 14.0, 20.0, 24.0], ["a", "a", "b", "b"], 1.5),
        [4, 8, 9, 13],
        "partial_demean of 10, 14 | 20, 24 with lam 1.5",
        "sqrt(1 + 2 * 1.5) = 2, so half of the means 12 and 22 is taken away",
    )


# %%
@test_case()
def form_of_ri_deviance(ri_deviance):
    import math

    import numpy as np
    import pandas as pd

    from hlmtools import check

    X = pd.DataFrame({"const": np.ones(4)})
    check.by_hand(
        ri_deviance(1.5, [10.0, 14.0, 20.0, 24.0], X, ["a", "a", "b", "b"], reml=False),
        2 * math.log(4) + 4 * (1 + math.log(2 * math.pi * 41 / 4)),
        "ri_deviance(1.5, 10, 14 | 20, 24, a constant, reml=False)",
        "y* is 4, 8, 9, 13 and the constant becomes 1/2, so r2 = 4.5^2 + 0.5^2 + 0.5^2 + 4.5^2",
    )


# %%
@test_case()
def form_of_the_criteria(hsb_ses_crit_0, hsb_ses_crit_05):
    from hlmtools import check

    check.no_slip("hsb_ses_crit_0", check.number(hsb_ses_crit_0, "hsb_ses_crit_0"))
    check.no_slip("hsb_ses_crit_05", check.number(hsb_ses_crit_05, "hsb_ses_crit_05"))


# %%
@test_case(points=1, hidden=True)
def demeaning_with_unequal_clusters(partial_demean):
    from autograder import expect
    from hlmtools.simulate import two_level

    d = two_level(psi=4, sigma2=9, sizes=[1, 3, 8, 20, 2], beta=50, seed=2201)
    for lam in (0.04, 0.7, 12.0):
        expect.agrees("partial_demean", partial_demean, d["y"], d["g"], lam, name="unequal sizes")


# %%
@test_case(points=0.5, hidden=True)
def both_ends_of_demeaning(partial_demean):
    import numpy as np

    from autograder import expect
    from hlmtools.simulate import two_level

    d = two_level(psi=4, sigma2=9, sizes=[5, 1, 6], beta=10, seed=2202)
    y, g = d["y"], d["g"]
    expect.close(partial_demean(y, g, 0.0), y.to_numpy(), name="partial_demean with lam = 0")
    dev = expect.solved().within_between(y, g)[0]
    expect.close(partial_demean(y, g, np.inf), dev, name="partial_demean with lam = inf")
    both = np.column_stack([y, y**2])
    expect.agrees("partial_demean", partial_demean, both, g, 0.3, name="two columns at once")


# %%
@test_case(points=1.5, hidden=True)
def restricted_likelihood_off_the_optimum(ri_deviance):
    from autograder import expect
    from hlmtools.simulate import with_covariate

    d = with_covariate(2, -1, psi=4, sigma2=9, sizes=[3, 8, 20, 2, 31, 1], beta=50, seed=2203)
    X = expect.solved().design(d.assign(square=d["x"] ** 2), ["x", "square"])
    for lam in (0.07, 0.9, 6.0):
        expect.agrees(
            "ri_deviance", ri_deviance, lam, d["y"], X, d["g"], True, name="REML, two covariates"
        )


# %%
@test_case(points=1, hidden=True)
def full_likelihood_off_the_optimum(ri_deviance):
    from autograder import expect
    from hlmtools.simulate import with_covariate

    d = with_covariate(1, 4, psi=1, sigma2=6, sizes=[12, 5, 5, 2, 1, 27], beta=-8, seed=2204)
    X = expect.solved().design(d, ["x"])
    for lam in (0.03, 0.4, 11.0):
        expect.agrees(
            "ri_deviance", ri_deviance, lam, d["y"], X, d["g"], False, name="ML, one covariate"
        )


# %%
@test_case(points=0.5, hidden=True)
def ordinary_regression_at_ratio_zero(ri_deviance):
    import numpy as np
    from scipy.stats import norm

    from autograder import expect
    from hlmtools.simulate import with_covariate

    d = with_covariate(3, 3, psi=0, sigma2=5, sizes=[4, 9, 1, 6], beta=20, seed=2205)
    X = expect.solved().design(d, ["x"])
    resid = d["y"] - np.polyval(np.polyfit(d["x"], d["y"], 1), d["x"])
    pooled = -2 * norm.logpdf(resid, 0, np.sqrt((resid**2).mean())).sum()
    found = ri_deviance(0.0, d["y"], X, d["g"], False)
    expect.close(found, float(pooled), name="the ML deviance at zero")


# %%
@test_case(points=0.5, hidden=True)
def negative_ratio_is_refused(partial_demean, ri_deviance):
    import numpy as np
    import pandas as pd

    from autograder import expect

    y, g = [1.0, 3.0, 5.0, 8.0], ["a", "a", "b", "b"]
    expect.raises(ValueError, partial_demean, y, g, -0.1, name="a negative ratio of variances")
    X = pd.DataFrame({"const": np.ones(4)})
    expect.raises(ValueError, ri_deviance, -0.1, y, X, g, name="a negative ratio of variances")


# %%
@test_case(points=1, hidden=True)
def criteria_of_hsb(hsb_ses_crit_0, hsb_ses_crit_05):
    from autograder import expect

    expect.quantity("hsb_ses_crit_0", hsb_ses_crit_0)
    expect.quantity("hsb_ses_crit_05", hsb_ses_crit_05)


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# ## 2.3 Fit the random-intercept model, with one slope and with two
# The estimate $\hat\lambda$ minimizes the criterion over $\lambda \ge 0$.
# The rest is least squares with the partially demeaned data at $\hat\lambda$:
#
# $$
# \hat\beta = b, \qquad
# \hat\sigma^2 = \begin{cases} r^2 / (N - p) & \text{REML} \\ r^2 / N & \text{ML} \end{cases}, \qquad
# \hat\psi = \hat\lambda \hat\sigma^2, \qquad
# \operatorname{Cov}(\hat\beta) = \hat\sigma^2 (X^{*\prime} X^*)^{-1} .
# $$
#
# You will fit two models for mathematics achievement.
# The first has **raw** `ses`, and so one slope for everything:
#
# $$
# y_{ij} = \beta_1 + \beta_2 x_{ij} + \zeta_j + \epsilon_{ij} .
# $$
#
# The second gives each part of `ses` a slope of its own, $\beta_W$ **within** and $\beta_B$ **between** schools:
#
# $$
# y_{ij} = \beta_1 + \beta_W (x_{ij} - \bar x_j) + \beta_B \bar x_j + \zeta_j + \epsilon_{ij} .
# $$
#
# The first is the second with $\beta_W = \beta_B$, which is an assumption and not a law.

# %% [raw]
# # BEGIN QUESTION
# name: task2_3

# %% [markdown]
# **Write** `fit_ri(y, X, g, reml=True)`.
# It returns an `RIResult` with the fields `params` and `cov` (both with the names of the columns of `X`), `psi`, `sigma2`, `deviance`, `reml`, `singular` and `sizes`; its standard errors are `fit.bse`.
# Treat the boundary $\lambda = 0$ as in Homework 1.
#
# **Fit** `mAch` on raw `ses` by REML: `hsb_ses_fit`, and from it `hsb_ses_slope` and its standard error `hsb_ses_se` (test points per scale point), and `hsb_ses_psi` (squared test points).
#
# **Fit** `mAch` on `cses` and `meanses` by REML: `hsb_wb_fit`, and from it the two slopes `hsb_within` and `hsb_between`, the standard error `hsb_between_se`, and `hsb_wb_psi`.

# %%
hsb_ses_fit = fit_ri(hsb["mAch"], X_ses, hsb["school"])  # SOLUTION 2.3
hsb_ses_slope = hsb_ses_fit.params["ses"]  # SOLUTION 2.3
hsb_ses_se = hsb_ses_fit.bse["ses"]  # SOLUTION 2.3
hsb_ses_psi = hsb_ses_fit.psi  # SOLUTION 2.3

# %%
hsb_wb_fit = fit_ri(hsb["mAch"], design(hsb, ["cses", "meanses"]), hsb["school"])  # SOLUTION 2.3
hsb_within = hsb_wb_fit.params["cses"]  # SOLUTION 2.3
hsb_between = hsb_wb_fit.params["meanses"]  # SOLUTION 2.3
hsb_between_se = hsb_wb_fit.bse["meanses"]  # SOLUTION 2.3
hsb_wb_psi = hsb_wb_fit.psi  # SOLUTION 2.3

# %% [markdown]
# **Draw** the picture of Task 2.1 again, now with both slopes: `plots.within_between(...)` takes `within=`, a slope, and `between=`, a pair (intercept, slope).

# %%
# the picture with both slopes
# BEGIN SOLUTION 2.3
ax = plots.within_between(
    hsb,
    "mAch",
    "ses",
    "school",
    within=hsb_within,
    between=(hsb_wb_fit.params["const"], hsb_between),
    highlight=colored,
    labels=axis_labels,
)
# END SOLUTION

# %% [markdown]
# **Draw** how the slope of raw `ses` depends on $\lambda$: for the ratios given below, the second coefficient of `np.linalg.lstsq` of the partially demeaned `mAch` on the partially demeaned `X_ses`.
# Put the ratios on a logarithmic axis, and mark the within slope `hsb_within` as a horizontal and your estimate of $\lambda$ as a vertical line.

# %%
ratios = np.geomspace(1e-4, 100, 41)

# %%
# the slope of raw ses against the ratio
# BEGIN SOLUTION 2.3
slopes = []
for ratio in ratios:
    y_star = partial_demean(hsb["mAch"], hsb["school"], ratio)
    X_star = partial_demean(X_ses, hsb["school"], ratio)
    slopes.append(np.linalg.lstsq(X_star, y_star, rcond=None)[0][1])
fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
ax.plot(ratios, slopes, linewidth=2.5, label="slope of raw SES")
ax.axhline(hsb_within, color="gray", linestyle="--", label="slope within schools")
ax.axvline(hsb_ses_fit.psi / hsb_ses_fit.sigma2, color="gray", linestyle=":", label="REML")
ax.set_xscale("log")
ax.set_xlabel("ratio of variances λ = ψ / σ² (no unit)")
ax.set_ylabel("slope (test points per scale point)")
_ = ax.legend(frameon=False)
# END SOLUTION

# %% [markdown]
# **On other data.** `bdf`: the language test of 2287 pupils in 131 Dutch primary schools, now with `IQ_verb`, a test of verbal intelligence (mean 11.8 and standard deviation 2.1 points over pupils).
# Fit `langPOST` on raw `IQ_verb` by **maximum likelihood**: `bdf_iq_fit`, and from it `bdf_iq_slope` (language points per IQ point) and `bdf_iq_psi` (squared language points).
# Rodriguez (in the notes of his course at Princeton) has a slope of 2.488, and standard deviations of 3.08 between and 6.50 within schools.

# %%
bdf = load_dataset("bdf")
bdf["iq_mean"] = bdf.groupby("schoolNR")["IQ_verb"].transform("mean")
bdf["iq_dev"] = bdf["IQ_verb"] - bdf["iq_mean"]

# %%
# BEGIN SOLUTION 2.3 NO PROMPT
X_iq = design(bdf, ["IQ_verb"])
# END SOLUTION
bdf_iq_fit = fit_ri(bdf["langPOST"], X_iq, bdf["schoolNR"], reml=False)  # SOLUTION 2.3
bdf_iq_slope = bdf_iq_fit.params["IQ_verb"]  # SOLUTION 2.3
bdf_iq_psi = bdf_iq_fit.psi  # SOLUTION 2.3

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_fit_ri(fit_ri):
    import numpy as np
    import pandas as pd

    from hlmtools import check

    X = pd.DataFrame({"const": np.ones(4)})
    fit = fit_ri([10.0, 14.0, 20.0, 24.0], X, ["a", "a", "b", "b"])
    assert list(fit.params.index) == ["const"], "params should have the names of the columns of X."
    assert list(fit.cov.columns) == ["const"], "cov should have the names of the columns of X."
    check.by_hand(fit.params["const"], 17, "the mean of 10, 14 | 20, 24", "(12 + 22) / 2")
    check.by_hand(round(fit.psi, 2), 46, "psi, to two decimals", "as in Homework 1, (100 - 8) / 2")
    check.by_hand(round(fit.sigma2, 2), 8, "sigma2, to two decimals", "(8 + 8) / 2")
    check.by_hand(round(fit.bse["const"], 3), 5, "se, to three decimals", "sqrt((46 + 8/2) / 2)")


# %%
@test_case()
def form_of_the_fit_with_raw_ses(hsb_ses_slope, hsb_ses_se, hsb_ses_psi):
    from hlmtools import check

    check.no_slip("hsb_ses_slope", check.number(hsb_ses_slope, "hsb_ses_slope", low=0))
    check.no_slip("hsb_ses_se", check.number(hsb_ses_se, "hsb_ses_se", low=0))
    check.no_slip("hsb_ses_psi", check.number(hsb_ses_psi, "hsb_ses_psi", low=0))


# %%
@test_case()
def form_of_the_fit_with_two_slopes(hsb_within, hsb_between, hsb_between_se, hsb_wb_psi):
    from hlmtools import check

    check.no_slip("hsb_within", check.number(hsb_within, "hsb_within", low=0))
    check.no_slip("hsb_between", check.number(hsb_between, "hsb_between", low=0))
    check.no_slip("hsb_between_se", check.number(hsb_between_se, "hsb_between_se", low=0))
    check.no_slip("hsb_wb_psi", check.number(hsb_wb_psi, "hsb_wb_psi", low=0))


# %%
@test_case()
def form_of_the_dutch_fit(bdf_iq_slope, bdf_iq_psi):
    from hlmtools import check

    check.no_slip("bdf_iq_slope", check.number(bdf_iq_slope, "bdf_iq_slope", low=0))
    check.no_slip("bdf_iq_psi", check.number(bdf_iq_psi, "bdf_iq_psi", low=0))


# %%
@test_case(points=1, hidden=True)
def variances_of_unequal_classes(fit_ri):
    from autograder import expect
    from hlmtools.simulate import with_covariate

    d = with_covariate(2, 5, psi=6, sigma2=9, sizes=[3, 8, 20, 2, 31, 1, 14, 9], seed=2301)
    X = expect.solved().design(d, ["x"])
    for reml in (True, False):
        expect.agrees(
            "fit_ri",
            fit_ri,
            d["y"],
            X,
            d["g"],
            reml=reml,
            fields=("psi", "sigma2"),
            tolerance="variance_component",
            name="unequal classes",
        )


# %%
@test_case(points=1, hidden=True)
def slopes_and_standard_errors(fit_ri):
    from autograder import expect
    from hlmtools.simulate import with_covariate

    d = with_covariate(2, 7, psi=12, sigma2=30, sizes=[5, 44, 6, 9, 25, 3], beta=100, seed=2302)
    solved = expect.solved()
    d["dev"], d["mean"] = solved.within_between(d["x"], d["g"])
    X = solved.design(d, ["dev", "mean"])
    fit, right = fit_ri(d["y"], X, d["g"]), solved.fit_ri(d["y"], X, d["g"])
    names = list(right.params.index)
    expect.close(fit.params[names], right.params, "slope", "params for unequal classes")
    expect.close(fit.bse[names], right.bse, "standard_error", "standard errors, unequal classes")
    covariances = fit.cov.loc[names, names]
    expect.close(covariances.loc["const", "mean"], right.cov.loc["const", "mean"], "wald", "cov")


# %%
@test_case(points=0.5, hidden=True)
def criterion_is_the_smallest(fit_ri):
    from autograder import expect
    from hlmtools.simulate import with_covariate

    d = with_covariate(1, -4, psi=400, sigma2=2, sizes=[2, 5, 3, 8, 4], seed=2303)
    X = expect.solved().design(d, ["x"])
    for reml in (True, False):
        expect.agrees(
            "fit_ri",
            fit_ri,
            d["y"],
            X,
            d["g"],
            reml=reml,
            fields=("deviance",),
            tolerance="deviance",
            name="clusters that differ a great deal",
        )


# %%
@test_case(points=0.5, hidden=True)
def boundary_is_exact_and_marked_singular(fit_ri):
    import pandas as pd

    from autograder import expect
    from hlmtools.simulate import two_level

    g = list("xxyyzzzx")
    d = pd.DataFrame({"x": [2.0, 1.0, 3.0, 0.0, 1.0, 2.0, 4.0, 3.0]})
    y = [1.0, 9.0, 2.0, 8.5, 1.5, 9.5, 4.0, 6.0]
    fit = fit_ri(y, expect.solved().design(d, ["x"]), g)
    expect.close(fit.psi, 0.0, tolerance="zero", name="psi of very similar clusters")
    expect.true(bool(fit.singular), "A fit with psi = 0 should say singular=True.")
    faint = two_level(psi=1, sigma2=9, sizes=[3, 8, 20, 2, 5, 9], beta=50, seed=1417)
    fit = fit_ri(faint["y"], expect.solved().design(faint), faint["g"])
    expect.true(not bool(fit.singular), "A fit with a small psi > 0 should say singular=False.")


# %%
@test_case(points=0.5, hidden=True)
def impossible_input_is_refused(fit_ri):
    import numpy as np
    import pandas as pd

    from autograder import expect

    g = ["a", "a", "b", "b"]
    X = pd.DataFrame({"const": np.ones(4), "x": [1.0, 2.0, 3.0, 5.0]})
    y = [1.0, 2.0, 4.0, 3.0]
    expect.raises(ValueError, fit_ri, y, X, ["a"] * 4, name="a single cluster")
    expect.raises(ValueError, fit_ri, y, X.assign(z=2 * X["x"]), g, name="a column twice")
    expect.raises(ValueError, fit_ri, [1.0, float("nan"), 4.0, 3.0], X, g, name="a missing value")
    expect.raises(ValueError, fit_ri, y, X.to_numpy(), g, name="an X without names of columns")


# %%
@test_case(points=1, hidden=True)
def one_slope_for_everything(hsb_ses_slope, hsb_ses_se, hsb_ses_psi):
    from autograder import expect

    expect.quantity("hsb_ses_slope", hsb_ses_slope)
    expect.quantity("hsb_ses_se", hsb_ses_se)
    expect.quantity("hsb_ses_psi", hsb_ses_psi)


# %%
@test_case(points=1.5, hidden=True)
def two_slopes(hsb_within, hsb_between, hsb_between_se, hsb_wb_psi):
    from autograder import expect

    expect.quantity("hsb_within", hsb_within)
    expect.quantity("hsb_between", hsb_between)
    expect.quantity("hsb_between_se", hsb_between_se)
    expect.quantity("hsb_wb_psi", hsb_wb_psi)


# %%
@test_case(points=1, hidden=True)
def slope_of_the_dutch_schools(bdf_iq_slope, bdf_iq_psi):
    from autograder import expect

    expect.quantity("bdf_iq_slope", bdf_iq_slope)
    expect.quantity("bdf_iq_psi", bdf_iq_psi)


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# Read your two pictures.
#
# - *Both slopes.* The line through the school means is more than twice as steep as the lines within schools. Raudenbush and Bryk (2002, Table 4.3; also on UCLA's SAS pages) regress on the school mean alone and find nearly the same slope between schools, 5.86.
# - *The slope of raw `ses`.* At the left end, $\lambda = 0$, it is that of an ordinary regression. At the right end it is the slope within schools. In between it passes through every value, because it is a **weighted mean** of the two slopes, and $\lambda$ sets the weights.
#
# The weights can be given.
# In the ordinary regression the slope between has the weight that you computed as `hsb_ses_share`, the share of the variance of `ses` that lies between schools: 28 percent.
# At the REML estimate of $\lambda$ its weight is only 5 percent.
# So the estimate from raw `ses` is a slope within schools with a little of the slope between mixed in.
# It answers no question that anybody has asked; such a coefficient is called **conflated**, or smushed.

# %% [markdown]
# ## 2.4 Compare with fixed effects
# Econometricians often take another way.
# They give every school an intercept of its own, a fixed number $\alpha_j$ instead of a draw from a distribution:
#
# $$
# y_{ij} = \alpha_j + \beta x_{ij} + \epsilon_{ij} .
# $$
#
# Then nothing is assumed about how schools differ, and assumption 4 above is not needed: a school may be as good or as bad as it is, for whatever reason.
# Taking the cluster means out of both sides removes all $\alpha_j$ at once,
#
# $$
# y_{ij} - \bar y_j = \beta (x_{ij} - \bar x_j) + (\epsilon_{ij} - \bar\epsilon_j),
# $$
#
# and least squares does the rest.
# The $J$ means have used up $J$ degrees of freedom, so with $k$ slopes $\hat\sigma^2 = \mathrm{RSS}/(N - J - k)$.
# The price: a variable of level 2 does not vary within schools, so it drops out, and all questions about schools with it.

# %% [raw]
# # BEGIN QUESTION
# name: task2_4

# %% [markdown]
# **Write** `fixed_effects(y, X, g)`.
# It returns an `FEResult` with the fields `params`, `cov`, `sigma2`, `df_resid`, `dropped`, `nobs` and `n_groups`.
# Columns of `X` that are constant in every cluster, up to rounding, are left out and named in `dropped`.
# If no column is left, raise a `ValueError`.
#
# **Apply** it to `mAch` on `ses` *and* `catholic`: `hsb_fe`, and from it `hsb_fe_slope` and `hsb_fe_se`, the slope of `ses` and its standard error.
# Look at `hsb_fe.dropped`.

# %%
# BEGIN SOLUTION 2.4 NO PROMPT
X_fe = design(hsb, ["ses", "catholic"])
# END SOLUTION
hsb_fe = fixed_effects(hsb["mAch"], X_fe, hsb["school"])  # SOLUTION 2.4
hsb_fe_slope = hsb_fe.params["ses"]  # SOLUTION 2.4
hsb_fe_se = hsb_fe.bse["ses"]  # SOLUTION 2.4

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_fixed_effects(fixed_effects):
    import numpy as np
    import pandas as pd

    from hlmtools import check

    X = pd.DataFrame({"const": np.ones(4), "x": [1.0, 3.0, 7.0, 9.0], "z": [1.0, 1.0, 2.0, 2.0]})
    fit = fixed_effects([0.0, 4.0, 1.0, 9.0], X, ["a", "a", "b", "b"])
    check.by_hand(fit.params["x"], 3, "slopes 2 in a and 4 in b", "(1 * 2 + 1 * 4) / 2")
    check.by_hand(fit.df_resid, 1, "df_resid", "4 units - 2 clusters - 1 slope")
    check.by_hand(fit.sigma2, 4, "sigma2", "residuals 1, -1, -1, 1, and 4 / 1")
    check.by_hand(fit.bse["x"], 1, "the standard error", "sqrt(4 / (1 + 1 + 1 + 1))")
    assert list(fit.dropped) == ["const", "z"], "dropped should name const and z."


# %%
@test_case()
def form_of_the_slope_with_fixed_effects(hsb_fe_slope, hsb_fe_se):
    from hlmtools import check

    check.no_slip("hsb_fe_slope", check.number(hsb_fe_slope, "hsb_fe_slope", low=0))
    check.no_slip("hsb_fe_se", check.number(hsb_fe_se, "hsb_fe_se", low=0))


# %%
@test_case(points=1.5, hidden=True)
def two_covariates_in_unequal_classes(fixed_effects):
    from autograder import expect
    from hlmtools.simulate import with_covariate

    d = with_covariate(2, 9, psi=6, sigma2=9, sizes=[3, 8, 20, 2, 31, 1, 4], beta=40, seed=2401)
    X = expect.solved().design(d.assign(square=d["x"] ** 2), ["x", "square"])
    fit, right = (
        fixed_effects(d["y"], X, d["g"]),
        expect.solved().fixed_effects(d["y"], X, d["g"]),
    )
    names = ["x", "square"]
    expect.close(fit.params[names], right.params[names], name="params for two covariates")
    expect.close(fit.bse[names], right.bse[names], name="standard errors for two covariates")
    expect.agrees(
        "fixed_effects",
        fixed_effects,
        d["y"],
        X,
        d["g"],
        fields=("sigma2", "df_resid", "nobs", "n_groups"),
        name="two covariates",
    )


# %%
@test_case(points=0.5, hidden=True)
def level_2_columns_are_dropped(fixed_effects):
    from autograder import expect
    from hlmtools.simulate import with_covariate

    d = with_covariate(2, 9, psi=6, sigma2=9, sizes=[4, 5, 6, 2], beta=-30, seed=2402)
    d["size"] = d.groupby("g")["y"].transform("mean") / 7
    fit = fixed_effects(d["y"], expect.solved().design(d, ["size", "x"]), d["g"])
    expect.true(list(fit.params.index) == ["x"], "Only the column that varies within stays.")
    expect.true(list(fit.dropped) == ["const", "size"], "dropped should name the others, in order.")


# %%
@test_case(points=0.5, hidden=True)
def nothing_left_is_refused(fixed_effects):
    import pandas as pd

    from autograder import expect

    X = pd.DataFrame({"const": [1.0] * 6, "z": [1.0, 1.0, 2.0, 2.0, 5.0, 5.0]})
    expect.raises(
        ValueError,
        fixed_effects,
        [1.0, 4.0, 2.0, 2.5, 7.0, 1.0],
        X,
        list("aabbcc"),
        name="no column that varies within clusters",
    )


# %%
@test_case(points=1.5, hidden=True)
def slope_of_hsb_with_fixed_effects(hsb_fe_slope, hsb_fe_se):
    from autograder import expect

    expect.quantity("hsb_fe_slope", hsb_fe_slope)
    expect.quantity("hsb_fe_se", hsb_fe_se)


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# Compare `hsb_fe_slope` with `hsb_within`.

# %%
print("fixed effects:", hsb_fe_slope)
print("slope within: ", hsb_within)

# %% [markdown]
# They agree to the last digits, and not by accident.
# The deviations are uncorrelated with everything that is constant in a school, so no assumption about schools can touch their coefficient.
# The random-intercept model with both parts of `ses` *contains* the fixed-effects estimate, and tells something about schools besides.
# "Fixed or random effects" is therefore often the wrong question; "within, between, or a mixture" is the right one.

# %% [markdown]
# ## 2.5 Compute and test the contextual effect
# Take two pupils with the same `ses`, in two schools whose `meanses` differs by one scale point.
# In the school that is one point higher, our pupil stands one point lower *among schoolmates*.
# So the model predicts a difference of
#
# $$
# \beta_C = \beta_B - \beta_W ,
# $$
#
# the **contextual effect**.
# The same number is a coefficient if $x$ stands beside its mean as it is (Mundlak's form of the model):
#
# $$
# y_{ij} = \beta_1 + \beta_W x_{ij} + \beta_C \bar x_j + \zeta_j + \epsilon_{ij} .
# $$
#
# Both forms are one model, with the same fit.
# The coefficient of $\bar x_j$ means another thing in each, and mistaking one for the other is the most common slip of this chapter.
#
# A difference of two estimates has the variance $\operatorname{Var}(b_B) + \operatorname{Var}(b_W) - 2\operatorname{Cov}(b_B, b_W)$, and a sum has plus in place of minus.
#
# With several covariates there are several contextual effects.
# Whether they are all zero is tested together, by the **Wald statistic** of the coefficients $d$ of the means with covariance matrix $V_d$:
#
# $$
# W = d' V_d^{-1} d \;\sim\; \chi^2_{\dim d} .
# $$

# %% [raw]
# # BEGIN QUESTION
# name: task2_5

# %% [markdown]
# **Write** `contextual(fit, within, between)`, which returns the tuple (effect, standard error), and `mundlak_test(fit, means)`, which returns the tuple (W, df, p).
# `within`, `between` and `means` are names of columns; an unknown name raises a `ValueError`.
#
# **Apply** them to `hsb`, by REML:
# - `hsb_contextual` and `hsb_contextual_se`, from `hsb_wb_fit`;
# - `hsb_mundlak_fit`, the fit of `mAch` on `ses` and `meanses`, and `hsb_mundlak`, the Wald statistic for `meanses` in it;
# - `hsb_sum_se`: in `hsb_mundlak_fit` the slope between schools is the *sum* of the two coefficients. Compute the standard error of that sum from `hsb_mundlak_fit.cov`. Compare with `hsb_between_se`.
# - `hsb_mundlak_two`: the Wald statistic for both contextual effects in the model with `ses`, `meanses`, `minority` and `minority_mean`.
#
# **On other data.** `bdf_contextual`: the contextual effect of verbal intelligence on the language score, by **maximum likelihood**, from a fit on `iq_dev` and `iq_mean`.

# %%
hsb_contextual = contextual(hsb_wb_fit, "cses", "meanses")[0]  # SOLUTION 2.5
hsb_contextual_se = contextual(hsb_wb_fit, "cses", "meanses")[1]  # SOLUTION 2.5

# %%
# BEGIN SOLUTION 2.5 NO PROMPT
X_mundlak = design(hsb, ["ses", "meanses"])
# END SOLUTION
hsb_mundlak_fit = fit_ri(hsb["mAch"], X_mundlak, hsb["school"])  # SOLUTION 2.5
hsb_mundlak = mundlak_test(hsb_mundlak_fit, ["meanses"])[0]  # SOLUTION 2.5

# %%
V = hsb_mundlak_fit.cov  # SOLUTION 2.5
# BEGIN SOLUTION 2.5 NO PROMPT
variance_of_sum = V.loc["ses", "ses"] + V.loc["meanses", "meanses"] + 2 * V.loc["ses", "meanses"]
# END SOLUTION
hsb_sum_se = variance_of_sum**0.5  # SOLUTION 2.5

# %%
# BEGIN SOLUTION 2.5 NO PROMPT
X_two = design(hsb, ["ses", "meanses", "minority", "minority_mean"])
hsb_two_fit = fit_ri(hsb["mAch"], X_two, hsb["school"])
# END SOLUTION
hsb_mundlak_two = mundlak_test(hsb_two_fit, ["meanses", "minority_mean"])[0]  # SOLUTION 2.5

# %%
# BEGIN SOLUTION 2.5 NO PROMPT
X_bdf_wb = design(bdf, ["iq_dev", "iq_mean"])
bdf_wb_fit = fit_ri(bdf["langPOST"], X_bdf_wb, bdf["schoolNR"], reml=False)
# END SOLUTION
bdf_contextual = contextual(bdf_wb_fit, "iq_dev", "iq_mean")[0]  # SOLUTION 2.5

# %% [markdown]
# **Draw** the contextual effect.
# For three schools with a `meanses` of -0.5, 0 and 0.5, draw the line that `hsb_wb_fit` predicts for their pupils, over `ses` from one point below to one point above the school's mean:
# $\hat\beta_1 + \hat\beta_W (x - \bar x_j) + \hat\beta_B \bar x_j$.
# Mark each school's mean by a dot, and join the dots by a dashed line.

# %%
# three schools
# BEGIN SOLUTION 2.5
fig, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
school_means = np.array([-0.5, 0.0, 0.5])
heights = hsb_wb_fit.params["const"] + hsb_between * school_means
for mean, height in zip(school_means, heights, strict=True):
    x = np.array([mean - 1, mean + 1])
    ax.plot(x, height + hsb_within * (x - mean), linewidth=2.5, label=f"school with mean {mean:g}")
ax.plot(school_means, heights, "o--", color="black", label="means of the schools")
ax.set_xlabel("socio-economic status of the pupil (scale points)")
ax.set_ylabel("predicted achievement (test points)")
_ = ax.legend(frameon=False)
# END SOLUTION

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_contextual_and_mundlak_test(contextual, mundlak_test):
    import pandas as pd

    from hlmtools import check
    from hlmtools.records import RIResult

    names = ["dev", "mean"]
    cov = pd.DataFrame([[0.16, 0.10], [0.10, 0.40]], index=names, columns=names)
    sizes = pd.Series([2, 2])
    fit = RIResult(pd.Series([2.0, 5.0], names), cov, 1.0, 4.0, 30.0, True, False, sizes)
    effect, se = contextual(fit, "dev", "mean")
    check.by_hand(effect, 3, "the effect for slopes 2 within and 5 between", "5 - 2")
    check.by_hand(se, 0.6, "its standard error", "sqrt(0.16 + 0.40 - 2 * 0.10)")
    W, df, p = mundlak_test(fit, ["mean"])
    check.by_hand(W, 62.5, "W for an estimate of 5 with variance 0.4", "5^2 / 0.4")
    check.by_hand(df, 1, "df", "one coefficient")
    check.number(p, "p", low=0, high=1)


# %%
@test_case()
def form_of_the_contextual_effects(hsb_contextual, hsb_contextual_se, hsb_sum_se, bdf_contextual):
    from hlmtools import check

    check.no_slip("hsb_contextual", check.number(hsb_contextual, "hsb_contextual"))
    check.no_slip("hsb_contextual_se", check.number(hsb_contextual_se, "hsb_contextual_se", low=0))
    check.no_slip("hsb_sum_se", check.number(hsb_sum_se, "hsb_sum_se", low=0))
    check.no_slip("bdf_contextual", check.number(bdf_contextual, "bdf_contextual"))


# %%
@test_case()
def form_of_the_wald_statistics(hsb_mundlak, hsb_mundlak_two):
    from hlmtools import check

    check.no_slip("hsb_mundlak", check.number(hsb_mundlak, "hsb_mundlak", low=0))
    check.no_slip("hsb_mundlak_two", check.number(hsb_mundlak_two, "hsb_mundlak_two", low=0))


# %%
@test_case(points=1, hidden=True)
def slopes_that_are_correlated(contextual):
    import pandas as pd

    from autograder import expect
    from hlmtools.records import RIResult

    names = ["const", "m", "d"]
    rows = [[1.0, 0.2, -0.1], [0.2, 0.7, 0.15], [-0.1, 0.15, 0.3]]
    cov = pd.DataFrame(rows, index=names, columns=names)
    b = pd.Series([9.0, -1.5, 2.2], names)
    fit = RIResult(b, cov, 2.0, 5.0, 80.0, False, False, pd.Series([3, 4]))
    expect.agrees("contextual", contextual, fit, "d", "m", name="two correlated slopes")
    expect.agrees("contextual", contextual, fit, within="m", between="d", name="names swapped")


# %%
@test_case(points=1.5, hidden=True)
def several_contextual_effects(mundlak_test):
    from autograder import expect
    from hlmtools.simulate import with_covariate

    d = with_covariate(2, 3, psi=2, sigma2=9, sizes=[3, 8, 20, 2, 31, 5, 14], beta=9, seed=2501)
    d["square"] = d["x"] ** 2
    solved = expect.solved()
    for name in ("x", "square"):
        d[f"{name}_mean"] = solved.within_between(d[name], d["g"])[1]
    columns = ["x", "x_mean", "square", "square_mean"]
    fit = solved.fit_ri(d["y"], solved.design(d, columns), d["g"])
    means = ["square_mean", "x_mean"]
    expect.agrees("mundlak_test", mundlak_test, fit, means, name="two contextual effects")


# %%
@test_case(points=0.5, hidden=True)
def unknown_columns_are_refused(contextual, mundlak_test):
    from autograder import expect
    from hlmtools.simulate import with_covariate

    d = with_covariate(1, 2, psi=2, sigma2=3, sizes=[3, 4, 5], seed=2502)
    fit = expect.solved().fit_ri(d["y"], expect.solved().design(d, ["x"]), d["g"])
    expect.raises(ValueError, contextual, fit, "x", "x_mean", name="a column the fit lacks")
    expect.raises(ValueError, mundlak_test, fit, ["x_mean"], name="a column the fit lacks")
    expect.raises(ValueError, mundlak_test, fit, [], name="no column at all")


# %%
@test_case(points=1, hidden=True)
def contextual_effect_of_hsb(hsb_contextual, hsb_contextual_se, hsb_within, hsb_between):
    from autograder import expect

    expect.quantity("hsb_contextual", hsb_contextual, follows=lambda: hsb_between - hsb_within)
    expect.quantity("hsb_contextual_se", hsb_contextual_se)


# %%
@test_case(points=0.5, hidden=True)
def standard_error_of_a_sum(hsb_sum_se):
    from autograder import expect

    expect.quantity("hsb_sum_se", hsb_sum_se)


# %%
@test_case(points=1, hidden=True)
def wald_statistics_of_hsb(hsb_mundlak, hsb_mundlak_two):
    from autograder import expect

    expect.quantity("hsb_mundlak", hsb_mundlak)
    expect.quantity("hsb_mundlak_two", hsb_mundlak_two)


# %%
@test_case(points=0.5, hidden=True)
def contextual_effect_of_the_dutch_schools(bdf_contextual):
    from autograder import expect

    expect.quantity("bdf_contextual", bdf_contextual)


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# Read your picture; it holds all three numbers.
#
# - *Along a solid line:* two pupils of the same school, one scale point apart, differ by about 2.2 test points. That is the slope within.
# - *From solid line to solid line, straight up:* two pupils of the same `ses`, in schools one point of `meanses` apart, differ by about 3.7 test points. That is the contextual effect.
# - *Along the dashed line:* the averages of two schools, one point of `meanses` apart, differ by about 5.9 test points. That is the slope between: the sum of the other two.
#
# In the Dutch primary schools the same pattern shows with another variable: a pupil among more able schoolmates has a higher language score than an equally able pupil among less able ones.
#
# The two standard errors `hsb_sum_se` and `hsb_between_se` agree, because they belong to the same quantity in two forms of one model.
# Without the covariance they would not.

# %% [markdown]
# ## 2.6 Test whether one slope is enough
# Is the random-intercept model with raw `ses` acceptable, or does the slope between schools differ?
# **Hausman** (1978) compares the two estimators that disagree if it does: fixed effects $b_{FE}$, which only need deviations, and random effects $b_{RE}$, which also use the means and are more precise *if* assumption 4 holds.
# If it does, then $\operatorname{Var}(b_{FE} - b_{RE}) = V_{FE} - V_{RE}$, and with $d = b_{FE} - b_{RE}$
#
# $$
# H = d' (V_{FE} - V_{RE})^{-1} d \;\sim\; \chi^2_k
# $$
#
# over the $k$ coefficients that both have.
# The subtraction looks odd.
# The efficient estimator cannot be improved by mixing in its difference to another one, so that it is uncorrelated with this difference; hence $\operatorname{Var}(b_{FE}) = \operatorname{Var}(b_{RE}) + \operatorname{Var}(b_{FE} - b_{RE})$.
#
# The difference of two estimated matrices need not be positive definite.
# Then the statistic does not exist, and Mundlak's test of Task 2.5, which asks the same question, takes its place.

# %% [raw]
# # BEGIN QUESTION
# name: task2_6

# %% [markdown]
# **Write** `hausman(b_fe, V_fe, b_re, V_re)`, which returns the tuple (H, df, p).
# The arguments are Series and DataFrames with names, such as `fit.params` and `fit.cov`; only coefficients that both have are compared.
# Where $V_{FE} - V_{RE}$ is not positive definite, raise a `ValueError`.
#
# **Apply** it:
# - `hsb_hausman`: H for `ses`, from `hsb_fe` and the REML fit `hsb_ses_fit`;
# - `bdf_fe`: the fixed-effects fit of `langPOST` on `IQ_verb`, and `bdf_hausman_p`: the p-value that compares it with `bdf_iq_fit`.

# %%
# BEGIN SOLUTION 2.6 NO PROMPT
hsb_comparison = hausman(hsb_fe.params, hsb_fe.cov, hsb_ses_fit.params, hsb_ses_fit.cov)
# END SOLUTION
hsb_hausman = hsb_comparison[0]  # SOLUTION 2.6

# %%
bdf_fe = fixed_effects(bdf["langPOST"], design(bdf, ["IQ_verb"]), bdf["schoolNR"])  # SOLUTION 2.6
# BEGIN SOLUTION 2.6 NO PROMPT
bdf_hausman = hausman(bdf_fe.params, bdf_fe.cov, bdf_iq_fit.params, bdf_iq_fit.cov)
# END SOLUTION
bdf_hausman_p = bdf_hausman[2]  # SOLUTION 2.6

# %% [markdown]
# **On simulated data.** In these 150 clusters of 8 we know the truth: the slope within is 1, the slope between is 3.
# Estimate the slope of `x` in three ways: `sim_re`, by `fit_ri` on raw `x` (REML); `sim_fe`, by fixed effects; `sim_mundlak`, by `fit_ri` on `x` beside its cluster mean (REML).

# %%
sim = with_covariate(within=1, between=3, psi=4, sigma2=16, sizes=[8] * 150, seed=26)
sim["x_mean"] = sim.groupby("g")["x"].transform("mean")

# %%
sim_re = fit_ri(sim["y"], design(sim, ["x"]), sim["g"]).params["x"]  # SOLUTION 2.6
sim_fe = fixed_effects(sim["y"], design(sim, ["x"]), sim["g"]).params["x"]  # SOLUTION 2.6
sim_mundlak = fit_ri(sim["y"], design(sim, ["x", "x_mean"]), sim["g"]).params["x"]  # SOLUTION 2.6

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_hausman(hausman):
    import pandas as pd

    from hlmtools import check

    x, both = ["x"], ["const", "x"]
    b_fe, V_fe = pd.Series([2.0], x), pd.DataFrame([[0.41]], x, x)
    b_re, V_re = pd.Series([7.0, 2.6], both), pd.DataFrame([[9.0, 0.3], [0.3, 0.25]], both, both)
    H, df, p = hausman(b_fe, V_fe, b_re, V_re)
    check.by_hand(H, 2.25, "H for slopes 2 and 2.6", "(2 - 2.6)^2 / (0.41 - 0.25)")
    check.by_hand(df, 1, "df", "the constant is in one fit only")
    check.by_hand(round(p, 3), 0.134, "p, to three decimals", "P(chi2_1 > 2.25)")


# %%
@test_case()
def form_of_the_comparisons(hsb_hausman, bdf_hausman_p, sim_re, sim_fe, sim_mundlak):
    from hlmtools import check

    check.no_slip("hsb_hausman", check.number(hsb_hausman, "hsb_hausman", low=0))
    check.number(bdf_hausman_p, "bdf_hausman_p", low=0, high=1)
    check.no_slip("bdf_hausman_p", bdf_hausman_p)
    check.number(sim_re, "sim_re")
    check.number(sim_fe, "sim_fe")
    check.number(sim_mundlak, "sim_mundlak")


# %%
@test_case(points=1.5, hidden=True)
def two_slopes_in_another_order(hausman):
    import pandas as pd

    from autograder import expect

    fe, re = ["x", "z"], ["const", "z", "x", "w"]
    b_fe, b_re = pd.Series([2.0, -1.0], fe), pd.Series([5.0, -0.7, 2.4, 3.0], re)
    V_fe = pd.DataFrame([[0.30, 0.05], [0.05, 0.50]], fe, fe)
    V_re = pd.DataFrame(0.01, re, re)
    V_re.loc["x", "x"], V_re.loc["z", "z"] = 0.12, 0.21
    expect.agrees("hausman", hausman, b_fe, V_fe, b_re, V_re, name="two slopes of three")


# %%
@test_case(points=1, hidden=True)
def matrix_that_is_not_positive_definite_is_refused(hausman):
    import pandas as pd

    from autograder import expect

    x = ["x"]
    b_fe, b_re = pd.Series([2.0], x), pd.Series([2.4], x)
    V_fe, V_re = pd.DataFrame([[0.20]], x, x), pd.DataFrame([[0.25]], x, x)
    expect.raises(
        ValueError, hausman, b_fe, V_fe, b_re, V_re, name="a random-effects fit less precise"
    )
    other = pd.Series([1.0], ["z"])
    V_other = pd.DataFrame([[0.1]], ["z"], ["z"])
    expect.raises(ValueError, hausman, b_fe, V_fe, other, V_other, name="no common coefficient")


# %%
@test_case(points=1, hidden=True)
def comparison_for_hsb(hsb_hausman, hsb_fe, hsb_ses_fit):
    from autograder import expect

    def own():
        fits = (hsb_fe.params, hsb_fe.cov, hsb_ses_fit.params, hsb_ses_fit.cov)
        return expect.solved().hausman(*fits)[0]

    expect.quantity("hsb_hausman", hsb_hausman, follows=own)


# %%
@test_case(points=0.5, hidden=True)
def comparison_for_the_dutch_schools(bdf_hausman_p, bdf_fe, bdf_iq_fit):
    from autograder import expect

    def own():
        fits = (bdf_fe.params, bdf_fe.cov, bdf_iq_fit.params, bdf_iq_fit.cov)
        return expect.solved().hausman(*fits)[2]

    expect.quantity("bdf_hausman_p", bdf_hausman_p, follows=own)


# %%
@test_case(points=1, hidden=True)
def three_estimates_where_the_truth_is_known(sim_re, sim_fe, sim_mundlak):
    from autograder import expect
    from hlmtools.simulate import with_covariate

    d = with_covariate(within=1, between=3, psi=4, sigma2=16, sizes=[8] * 150, seed=26)
    solved = expect.solved()
    d["x_mean"] = solved.within_between(d["x"], d["g"])[1]
    raw, beside = solved.design(d, ["x"]), solved.design(d, ["x", "x_mean"])
    expect.close(sim_re, solved.fit_ri(d["y"], raw, d["g"]).params["x"], "slope", "sim_re")
    expect.close(sim_fe, solved.fixed_effects(d["y"], raw, d["g"]).params["x"], "slope", "sim_fe")
    right = solved.fit_ri(d["y"], beside, d["g"]).params["x"]
    expect.close(sim_mundlak, right, "slope", "sim_mundlak")


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# In the simulated data the random-intercept model with raw `x` misses both truths; fixed effects and Mundlak's form find the slope within, with the same number.
# The second gives the slope between as well.
#
# In `hsb` the test rejects clearly.
# Different programs give different numbers for it, all with the same message: yours is 63.1, with maximum likelihood in place of REML it is 63.4, R's package plm, which estimates the variances in another way (Swamy and Arora), gives 112.2, and Mundlak's test gave 94.7.
# They divide by different estimates of the same small variance.
# A report should say which one it used.
#
# What a rejection means is often overstated.
# It says that the slopes within and between differ, so that the *one* slope of the model with raw `ses` is a mixture.
# It does not say that random effects are wrong: with `meanses` in the model, the two slopes are apart, and the intercepts may stay random.

# %% [markdown]
# ## 2.7 Say how much variance the covariates account for
# In ordinary regression $R^2$ is one number.
# Here there are two variances, and more than one way to compare them with those of the model without covariates (0: null model, 1: with covariates).
#
# Raudenbush and Bryk take each variance by itself:
#
# $$
# R^2_{\text{between}} = 1 - \frac{\psi_1}{\psi_0}, \qquad R^2_{\text{within}} = 1 - \frac{\sigma^2_1}{\sigma^2_0} .
# $$
#
# Snijders and Bosker ask how much better one predicts a unit (level 1) or the mean of a cluster (level 2):
#
# $$
# R^2_1 = 1 - \frac{\psi_1 + \sigma^2_1}{\psi_0 + \sigma^2_0}, \qquad
# R^2_2 = 1 - \frac{\psi_1 + \sigma^2_1/n}{\psi_0 + \sigma^2_0/n} ,
# $$
#
# where $n$ is a representative cluster size, for which they suggest the **harmonic** mean $J / \sum_j (1/n_j)$.

# %% [raw]
# # BEGIN QUESTION
# name: task2_7

# %% [markdown]
# **Write** `r2_levels(null, fit)`.
# It returns an `RSquared(rb_between=..., rb_within=..., sb_level1=..., sb_level2=...)`, which is imported for you.
# Report the numbers as they come out, negative ones included.
# Two fits of different rows, or one by REML and one by ML, raise a `ValueError`.
#
# **Apply** it, by REML throughout: `hsb_null_fit` is the model without covariates (`design(hsb)`), `hsb_r2` compares it with `hsb_wb_fit`.
# Then fit `mAch` on `cses` alone, `hsb_dev_fit`, and compare that with the null model: `hsb_r2_dev`.

# %%
hsb_null_fit = fit_ri(hsb["mAch"], design(hsb), hsb["school"])  # SOLUTION 2.7
hsb_r2 = r2_levels(hsb_null_fit, hsb_wb_fit)  # SOLUTION 2.7
hsb_dev_fit = fit_ri(hsb["mAch"], design(hsb, ["cses"]), hsb["school"])  # SOLUTION 2.7
hsb_r2_dev = r2_levels(hsb_null_fit, hsb_dev_fit)  # SOLUTION 2.7

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_r2_levels(r2_levels):
    import pandas as pd

    from hlmtools import check
    from hlmtools.records import RIResult

    b, cov, sizes = pd.Series([1.0], ["const"]), pd.DataFrame([[1.0]], ["const"], ["const"]), [2, 6]
    null = RIResult(b, cov, 8.0, 30.0, 99.0, True, False, pd.Series(sizes))
    fit = RIResult(b, cov, 2.0, 24.0, 90.0, True, False, pd.Series(sizes))
    shares = r2_levels(null, fit)
    check.by_hand(shares.rb_between, 0.75, "rb_between", "1 - 2/8")
    check.by_hand(shares.rb_within, 0.2, "rb_within", "1 - 24/30")
    check.by_hand(shares.sb_level1, 12 / 38, "sb_level1", "1 - (2 + 24)/(8 + 30)")
    check.by_hand(
        shares.sb_level2, 4 / 9, "sb_level2", "n = 2/(1/2 + 1/6) = 3, and 1 - (2 + 8)/(8 + 10)"
    )


# %%
@test_case()
def form_of_the_shares(hsb_r2, hsb_r2_dev):
    from hlmtools import check

    check.no_slip("hsb_r2_between", check.number(hsb_r2.rb_between, "hsb_r2.rb_between", high=1))
    check.no_slip("hsb_r2_within", check.number(hsb_r2.rb_within, "hsb_r2.rb_within", high=1))
    check.no_slip("hsb_r2_level1", check.number(hsb_r2.sb_level1, "hsb_r2.sb_level1", high=1))
    check.no_slip("hsb_r2_level2", check.number(hsb_r2.sb_level2, "hsb_r2.sb_level2", high=1))
    check.no_slip(
        "hsb_r2_dev_between", check.number(hsb_r2_dev.rb_between, "hsb_r2_dev.rb_between")
    )


# %%
@test_case(points=1.5, hidden=True)
def shares_in_unequal_clusters(r2_levels):
    from autograder import expect
    from hlmtools.simulate import with_covariate

    d = with_covariate(2, 5, psi=6, sigma2=9, sizes=[3, 8, 20, 2, 31, 1, 14], seed=2701)
    solved = expect.solved()
    null = solved.fit_ri(d["y"], solved.design(d), d["g"])
    fit = solved.fit_ri(d["y"], solved.design(d, ["x"]), d["g"])
    for share in ("rb_between", "rb_within", "sb_level1", "sb_level2"):
        expect.agrees("r2_levels", r2_levels, null, fit, fields=(share,), name="unequal clusters")


# %%
@test_case(points=0.5, hidden=True)
def negative_share_is_kept(r2_levels):
    from autograder import expect
    from hlmtools.simulate import with_covariate

    d = with_covariate(4, 0, psi=3, sigma2=4, sizes=[5, 9, 6, 3, 7, 8], seed=2702)
    solved = expect.solved()
    d["dev"] = solved.within_between(d["x"], d["g"])[0]
    null = solved.fit_ri(d["y"], solved.design(d), d["g"])
    fit = solved.fit_ri(d["y"], solved.design(d, ["dev"]), d["g"])
    fields = ("rb_between",)
    expect.agrees("r2_levels", r2_levels, null, fit, fields=fields, name="a variance that grew")


# %%
@test_case(points=0.5, hidden=True)
def fits_that_do_not_compare_are_refused(r2_levels):
    import pandas as pd

    from autograder import expect
    from hlmtools.simulate import with_covariate

    d = with_covariate(2, 5, psi=6, sigma2=9, sizes=[3, 8, 20], seed=2703)
    solved = expect.solved()
    null = solved.fit_ri(d["y"], solved.design(d), d["g"])
    ml = solved.fit_ri(d["y"], solved.design(d, ["x"]), d["g"], reml=False)
    part = d.iloc[:-2]
    shorter = solved.fit_ri(part["y"], solved.design(part, ["x"]), part["g"])
    expect.raises(ValueError, r2_levels, null, ml, name="REML compared with ML")
    expect.raises(ValueError, r2_levels, null, shorter, name="fits of different rows")
    alike = pd.Series([1.0, 9.0, 2.0, 8.5, 1.5, 9.5, 4.0, 6.0])
    flat = solved.fit_ri(alike, solved.design(alike.to_frame("y")), list("xxyyzzzx"))
    expect.raises(ValueError, r2_levels, flat, flat, name="a null model with psi = 0")


# %%
@test_case(points=1, hidden=True)
def shares_of_hsb(hsb_r2):
    from autograder import expect

    expect.quantity("hsb_r2_between", hsb_r2.rb_between)
    expect.quantity("hsb_r2_within", hsb_r2.rb_within)
    expect.quantity("hsb_r2_level1", hsb_r2.sb_level1)
    expect.quantity("hsb_r2_level2", hsb_r2.sb_level2)


# %%
@test_case(points=0.5, hidden=True)
def share_with_deviations_only(hsb_r2_dev):
    from autograder import expect

    expect.quantity("hsb_r2_dev_between", hsb_r2_dev.rb_between)


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# Socio-economic status accounts for two thirds of the variance *between* schools and for a twentieth of the variance *within* them.
# Most of what makes schools differ in achievement goes together with whom they enroll; most of what makes schoolmates differ does not go together with their families' status.
#
# And with the deviations alone, $R^2_{\text{between}}$ is *negative*.
# This is no mistake of yours.
# Deviations cannot account for anything between schools; but they make $\sigma^2$ smaller, and so a smaller part of the spread of school means is put down to chance.
# What is left for $\psi$ grows a little.
# Do not cut such a value off at zero.

# %% [markdown]
# ## 2.8 Test a covariate of the school
# Catholic schools score higher than public ones.
# Is that more than a difference between their pupils' families?
#
# Coefficients can be tested with the likelihood-ratio statistic, the difference of the deviances of two nested models,
#
# $$
# L = d_0 - d_1 \;\sim\; \chi^2_{p_1 - p_0} .
# $$
#
# Two things differ from the test of a variance in Homework 1.
# A coefficient may be negative as well as positive, so zero is no boundary and nothing is halved.
# And both models must be fitted by **maximum likelihood**.
# REML first takes the fixed part out of the data; with two different fixed parts it looks at two different sets of data, and the difference of its criteria means nothing, though it may look plausible.

# %% [raw]
# # BEGIN QUESTION
# name: task2_8

# %% [markdown]
# **Write** `lrt_fixed(fit0, fit1)`, which returns the tuple (L, df, p).
# A fit by REML, fits of different rows, or a `fit0` whose columns are not among those of `fit1`, raise a `ValueError`.
#
# **Apply** it to `hsb`, by maximum likelihood. What does `catholic` add
# - to the model with raw `ses`? The statistic is `hsb_sector_lrt`.
# - to the model with `cses` and `meanses`? The statistic is `hsb_sector_context_lrt`.
#
# Then fit `mAch` on `cses`, `meanses` and `catholic` by **REML**, `hsb_sector_fit`, and take from it `hsb_sector_se`, the standard error of the coefficient of `catholic`.

# %%
# BEGIN SOLUTION 2.8 NO PROMPT
y, g = hsb["mAch"], hsb["school"]
hsb_ses_ml = fit_ri(y, X_ses, g, reml=False)
hsb_ses_catholic_ml = fit_ri(y, design(hsb, ["ses", "catholic"]), g, reml=False)
hsb_wb_ml = fit_ri(y, design(hsb, ["cses", "meanses"]), g, reml=False)
hsb_wb_catholic_ml = fit_ri(y, design(hsb, ["cses", "meanses", "catholic"]), g, reml=False)
# END SOLUTION
hsb_sector_lrt = lrt_fixed(hsb_ses_ml, hsb_ses_catholic_ml)[0]  # SOLUTION 2.8
hsb_sector_context_lrt = lrt_fixed(hsb_wb_ml, hsb_wb_catholic_ml)[0]  # SOLUTION 2.8

# %%
# BEGIN SOLUTION 2.8 NO PROMPT
X_sector = design(hsb, ["cses", "meanses", "catholic"])
# END SOLUTION
hsb_sector_fit = fit_ri(hsb["mAch"], X_sector, hsb["school"])  # SOLUTION 2.8
hsb_sector_se = hsb_sector_fit.bse["catholic"]  # SOLUTION 2.8

# %% [markdown]
# **Compare.** The cell below fits an ordinary regression, which takes all 7185 pupils for independent.
# Make a table with its standard errors (`ordinary.bse`) in one column and those of `hsb_sector_fit` in another.

# %%
ordinary = smf.ols("mAch ~ cses + meanses + catholic", hsb).fit()

# %%
# the table of standard errors
# BEGIN SOLUTION 2.8
sector_table = hsb_sector_fit.bse.rename("random intercept").to_frame()
sector_table["ordinary regression"] = ordinary.bse.rename({"Intercept": "const"})
sector_table.round(3)
# END SOLUTION

# %% [markdown]
# **On other data.** In `bdf`, `schoolSES` is the socio-economic status of the school, on a scale from 10 to 29.
# `bdf_school_p`: the p-value for adding it to the model with `IQ_verb` and `iq_mean`, by maximum likelihood.

# %%
# BEGIN SOLUTION 2.8 NO PROMPT
columns = ["IQ_verb", "iq_mean", "schoolSES"]
bdf_mean_ml = fit_ri(bdf["langPOST"], design(bdf, columns[:2]), bdf["schoolNR"], reml=False)
bdf_school_ml = fit_ri(bdf["langPOST"], design(bdf, columns), bdf["schoolNR"], reml=False)
# END SOLUTION
bdf_school_p = lrt_fixed(bdf_mean_ml, bdf_school_ml)[2]  # SOLUTION 2.8

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_lrt_fixed(lrt_fixed):
    import numpy as np
    import pandas as pd

    from hlmtools import check
    from hlmtools.records import RIResult

    fits = []
    for names, deviance in ((["const"], 203.841459), (["const", "x"], 200.0)):
        cov = pd.DataFrame(np.eye(len(names)), names, names)
        b, sizes = pd.Series(1.0, names), pd.Series([2, 6])
        fits.append(RIResult(b, cov, 2.0, 5.0, deviance, False, False, sizes))
    L, df, p = lrt_fixed(*fits)
    check.by_hand(round(L, 6), 3.841459, "L", "203.841459 - 200")
    check.by_hand(df, 1, "df", "two columns against one")
    check.by_hand(round(p, 6), 0.05, "p", "3.841459 cuts 0.05 off chi2_1")


# %%
@test_case()
def form_of_the_tests(hsb_sector_lrt, hsb_sector_context_lrt, hsb_sector_se, bdf_school_p):
    from hlmtools import check

    check.no_slip("hsb_sector_lrt", check.number(hsb_sector_lrt, "hsb_sector_lrt", low=0))
    check.number(hsb_sector_context_lrt, "hsb_sector_context_lrt", low=0)
    check.no_slip("hsb_sector_context_lrt", hsb_sector_context_lrt)
    check.no_slip("hsb_sector_se", check.number(hsb_sector_se, "hsb_sector_se", low=0))
    check.no_slip("bdf_school_p", check.number(bdf_school_p, "bdf_school_p", low=0, high=1))


# %%
@test_case(points=1, hidden=True)
def two_columns_at_a_time(lrt_fixed):
    from autograder import expect
    from hlmtools.simulate import with_covariate

    d = with_covariate(0.3, 0.8, psi=6, sigma2=9, sizes=[3, 8, 20, 2, 31, 1, 14], seed=2801)
    solved = expect.solved()
    d["mean"] = solved.within_between(d["x"], d["g"])[1]
    small = solved.fit_ri(d["y"], solved.design(d), d["g"], reml=False)
    large = solved.fit_ri(d["y"], solved.design(d, ["x", "mean"]), d["g"], reml=False)
    expect.agrees("lrt_fixed", lrt_fixed, small, large, name="two columns more")


# %%
@test_case(points=1, hidden=True)
def models_that_do_not_compare_are_refused(lrt_fixed):
    from autograder import expect
    from hlmtools.simulate import with_covariate

    d = with_covariate(1, 2, psi=6, sigma2=9, sizes=[3, 8, 20, 5], seed=2802)
    solved = expect.solved()
    null, raw = solved.design(d), solved.design(d, ["x"])
    reml0, reml1 = solved.fit_ri(d["y"], null, d["g"]), solved.fit_ri(d["y"], raw, d["g"])
    ml0 = solved.fit_ri(d["y"], null, d["g"], reml=False)
    ml1 = solved.fit_ri(d["y"], raw, d["g"], reml=False)
    expect.raises(ValueError, lrt_fixed, reml0, reml1, name="two fits by REML")
    expect.raises(ValueError, lrt_fixed, ml0, reml1, name="one fit by REML")
    expect.raises(ValueError, lrt_fixed, ml1, ml0, name="the larger model first")
    expect.raises(ValueError, lrt_fixed, ml1, ml1, name="the same model twice")


# %%
@test_case(points=1, hidden=True)
def sector_given_socioeconomic_status(hsb_sector_lrt, hsb_sector_context_lrt):
    from autograder import expect

    expect.quantity("hsb_sector_lrt", hsb_sector_lrt)
    expect.quantity("hsb_sector_context_lrt", hsb_sector_context_lrt)


# %%
@test_case(points=0.5, hidden=True)
def standard_error_of_sector(hsb_sector_se):
    from autograder import expect

    expect.quantity("hsb_sector_se", hsb_sector_se)


# %%
@test_case(points=0.5, hidden=True)
def status_of_the_dutch_schools(bdf_school_p):
    from autograder import expect

    expect.quantity("bdf_school_p", bdf_school_p)


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# The difference between sectors is there in both models, but part of what the model with raw `ses` puts down to the sector is the company that Catholic schools keep: with `meanses` in the model the statistic falls to less than half.
#
# Read your table of standard errors, too.
# For the deviations the two agree nearly.
# For the variables of the school the ordinary regression is too sure of itself by a factor of about two: it takes itself to have 7185 independent observations of a thing that varies over 160 schools.
# Ignoring clusters hurts most where a covariate does not vary within them.

# %% [markdown]
# ## 2.9 Say it in words
# Two short answers, which your instructor reads.
# Four points each: for the right numbers with their unit and their level, with what they are conditional on, the assumption that makes them valid, and one limit.
# Three where one of these is missing; two for right numbers in a sentence that claims a cause or confuses the levels; one for a direction only; none for the wrong quantity.

# %% [raw]
# # BEGIN QUESTION
# name: task2_9a
# manual: true
# points: 4

# %% [markdown]
# **2.9a A headline.**
# A newspaper has seen your results and writes: "Moving to a richer school raises mathematics by 5.9 points."
# Correct it in six to nine sentences.
# Say what each of the three slopes (within, between, contextual) compares, in numbers with units, and which of them comes nearest to what the headline is about.

# %% [raw]
# # BEGIN SOLUTION

# %% [markdown]
# The 5.9 test points compare the *average scores of two schools* whose average socio-economic status differs by one scale point; no pupil moves in this comparison, and the pupils of the two schools differ as well.
# Within one school, two pupils whose status differs by one scale point differ by 2.2 test points on average.
# For somebody who thinks of moving a pupil, the pupil's own status stays as it is, so the nearest number is the contextual effect: two pupils of the *same* status, in schools one scale point apart in average status, differ by 5.9 - 2.2 = 3.7 test points (standard error 0.4).
# Reading 5.9 as the gain of a pupil is an ecological fallacy: it takes a relation between schools for one between pupils.
# One scale point is also a very large move: the average status of schools has a standard deviation of 0.4, and over that distance the contextual difference is about 1.5 points.
# Even the 3.7 points are a difference between pupils who *are* in such schools, not a gain from moving: it would be one only if, given the pupil's own status, nothing else that matters for mathematics went together with the status of the school.
# That is hard to believe, since families choose schools: ability, ambition and resources that `ses` does not measure go together with `meanses`, and `ses` is measured with error, which by itself produces such a difference.

# %% [raw]
# # END SOLUTION

# %% [raw]
# # END QUESTION

# %% [raw]
# # BEGIN QUESTION
# name: task2_9b
# manual: true
# points: 4

# %% [markdown]
# **2.9b A significant Hausman test.**
# A colleague has run Hausman's test on `hsb`, has found p below $10^{-14}$, and concludes: "Random effects are rejected. We must use fixed effects, and drop the school variables."
# What does the test show here, what follows, and what does not?
# Answer in five to eight sentences, with numbers.

# %% [raw]
# # BEGIN SOLUTION

# %% [markdown]
# The test compares the fixed-effects slope of `ses` (2.19 test points per scale point) with that of the random-intercept model on raw `ses` (2.39) and shows that they differ by more than chance allows (H = 63 on 1 degree of freedom, both variances from the REML and the fixed-effects fit).
# So the assumption that schools' intercepts have nothing to do with their pupils' `ses` is wrong *in the model with raw `ses`* (level-2 endogeneity), and 2.39 is a mixture of a slope within (2.19) and a slope between schools (5.87).
# The difference of 0.2 points is itself small; with 7185 pupils a test can be certain of little things, and the size of the contextual effect, 3.7 points, says more.
# It does not follow that random effects have to go: with `meanses` beside `ses`, as Mundlak proposed, the slope within equals the fixed-effects estimate exactly, the slope between has a coefficient of its own, and variables such as the sector stay in.
# With fixed effects one would lose every question about schools.
# What Mundlak's form does not repair: the coefficients of `meanses` and of the sector still assume that what is left of the school effect is unrelated to them, and the slope within still assumes that, among schoolmates, nothing else that matters goes together with `ses`.

# %% [raw]
# # END SOLUTION

# %% [raw]
# # END QUESTION

# %% [markdown]
# ## The answer to the opening question
# Does the company of well-off schoolmates matter?
#
# Two pupils from equally well-off families, one in a school whose average status is one standard deviation of schools (0.41 scale points) above that of the other, differ by about 1.5 test points in mathematics, in favor of the first.
# That is a quarter of the 6.1 points by which pupils of one school and the same status typically scatter.
# Between schoolmates, one standard deviation of status among schoolmates (0.66 scale points) goes with about 1.4 points.
# So the company goes together with achievement about as much as the pupil's own family does.
#
# **What this rests on.**
# Slopes are straight lines, and the same in every school; the next homework looks at that.
# The slope within needs no assumption about how schools differ, as fixed effects show.
# The contextual effect does: it is what the company *does* only if schools of different status have no other differences that matter for mathematics, given the pupil's own status.
# The average of a few dozen tested pupils stands in for the company that a pupil really keeps.
#
# **What it does not say.**
# It does not say that moving a pupil changes the score.
# Families choose schools, and what makes them choose may also make their children learn.
# A covariate measured with error leaves part of the pupil's own background unaccounted for, and the school's average picks it up.
# These data show that the difference is there; they cannot show how much of it is selection.
