# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Homework 3. Does it matter more for strong pupils which school they attend?
#
# At eleven, children in London take a reading test and then go to one of many secondary schools.
# At sixteen they take an examination.
# Schools differ in how well their pupils do, and a family wants to know by how much.
# But one number may not be enough.
# A school may do well by its strong pupils and not by its weak ones, or the other way round.
# So the question is: **how much does the school matter for a weak reader, and how much for a strong one?**
#
# Each school gets an intercept *and a slope* of its own.
# In Tasks 3.1 to 3.3 you write the machine that fits such models, a small lme4 that takes any number of fixed and random coefficients.
# In Tasks 3.4 to 3.8 you read what it finds.
#
# **How to work.**
# As before: replace each `raise NotImplementedError(...)` in `hlmtools/random_slopes.py`, save the file, then replace each `...` below by your answer and run the check under it.
# A check looks at the form of an answer, at one number that you can compute by hand, and at well-known mistakes.
# The values themselves are checked at grading, for the functions on data you have not seen.
#
# Where a check says "notes 3.3", it means section 3.3 of the lecture notes, `notes.ipynb`.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from otter.test_files import test_case  # IGNORE
from scipy import optimize

from hlmtools import load_dataset, plots
from hlmtools.random_slopes import (
    corr_at,
    cross_products,
    eb_lmm,
    fit_lmm,
    icc_at,
    lmm_deviance,
    lmm_profile,
    lrt_slope,
    p_negative,
    recenter,
    relative_factor,
    slope_range,
    total_var,
)
from hlmtools.simulate import random_slopes

sns.set_theme(style="ticks")

# %% [markdown]
# ## The data
# `exam` holds 4059 pupils of 65 schools in inner London (Goldstein, Rasbash and others 1993).
# Each row is a pupil.
#
# - `normexam`: the score of the examination at sixteen, in **standard deviations** (SD) of all pupils;
# - `standLRT`: the score of the London Reading Test at eleven, in standard deviations as well, so that 0 is an average reader, -2 a very weak and 2 a very strong one;
# - `school`: the label of the school;
# - `schavg`: the mean reading score of the school's intake.

# %%
exam = load_dataset("exam")
exam[["school", "normexam", "standLRT", "schavg"]].sample(5, random_state=1)

# %% [markdown]
# Four schools, each with its own least-squares line, and in gray the line through all 4059 pupils.

# %%
some = ["28", "53", "59", "48"]
shown = exam[exam["school"].isin(some)]
grid = sns.FacetGrid(shown, col="school", col_order=some, height=2.9, aspect=0.9)
grid.map_dataframe(sns.regplot, "standLRT", "normexam", ci=None, scatter_kws={"s": 9, "alpha": 0.5})
pooled_slope, pooled_intercept = np.polyfit(exam["standLRT"], exam["normexam"], 1)
for ax in grid.axes.flat:
    ax.axline((0, pooled_intercept), slope=pooled_slope, color="gray", linestyle="--", zorder=0)
grid.set(xlim=(-3.1, 3.1), ylim=(-3.8, 3.8))
grid.set_axis_labels("reading at 11 (SD)", "exam at 16 (SD)")
grid.set_titles("school {col_name}")
grid.figure.set_layout_engine("constrained")

# %% [markdown]
# School 53 is steep, school 28 is flat and low.
# School 48 has two pupils, and the line through two points says nothing about the school.
# A model that takes such lines seriously has to know how much each of them can be trusted.

# %% [markdown]
# ## The model
# For pupil $i$ in school $j$, with $x_{ij}$ the reading score,
#
# $$
# \begin{aligned}
# \text{level 1 (pupils):} \quad & y_{ij} = \beta_{1j} + \beta_{2j} x_{ij} + \epsilon_{ij}, & \epsilon_{ij} &\sim N(0, \sigma^2) \\
# \text{level 2 (schools):} \quad & \beta_{1j} = \beta_1 + \zeta_{1j}, \quad \beta_{2j} = \beta_2 + \zeta_{2j}, & (\zeta_{1j}, \zeta_{2j}) &\sim N(0, \Psi)
# \end{aligned}
# $$
#
# and in reduced form
#
# $$
# y_{ij} = \beta_1 + \beta_2 x_{ij} + \zeta_{1j} + \zeta_{2j} x_{ij} + \epsilon_{ij},
# \qquad
# \Psi = \begin{pmatrix} \psi_{11} & \psi_{21} \\ \psi_{21} & \psi_{22} \end{pmatrix} .
# $$
#
# | symbol | meaning | unit |
# |:---|:---|:---|
# | $\beta_1$ | mean height of the schools' lines at $x = 0$ | SD of the exam |
# | $\beta_2$ | mean slope of the schools' lines | SD of the exam per SD of reading |
# | $\zeta_{1j}$, $\zeta_{2j}$ | how far the intercept and the slope of school $j$ lie from these means | as above |
# | $\psi_{11}$ | variance of the intercepts: of the heights **at $x = 0$** | squared SD of the exam |
# | $\psi_{22}$ | variance of the slopes | squared unit of the slope |
# | $\psi_{21}$ | covariance of intercepts and slopes | their product |
# | $\sigma^2$ | variance of pupils around the line of their school (`sigma2`) | squared SD of the exam |
#
# With the rows of cluster $j$ stacked, all of this is one line,
#
# $$
# y_j = X_j \beta + Z_j \zeta_j + \epsilon_j,
# $$
#
# in which $X_j$ and $Z_j$ both have a column of ones and a column of $x$.
# Your functions are written for this line, with any $X$ and $Z$.
#
# **What it assumes.**
#
# 1. *Exchangeable, independent schools*, whose lines are like draws from one population of lines.
# 2. *Straight lines*, in every school, over the whole range of $x$.
# 3. *Conditional independence*: given the line of their school, pupils are independent, with the same $\sigma^2$ at every $x$ and in every school.
# 4. *Random coefficients have mean 0 given $x$*: schools with strong intakes do not have systematically higher or steeper lines. Task 3.8 loosens this.
# 5. *Normality* of both coefficients together and of the level-1 errors.

# %% [markdown]
# ## 3.1 Reduce the data to sums of products
# Homework 1 needed three numbers a cluster.
# This model needs, of each cluster, the small matrices $Z_j'Z_j$, $Z_j'X_j$ and $Z_j'y_j$, and of all the data $X'X$, $X'y$ and $y'y$.
# They are the *sufficient statistics*; after this task no function looks at a row again.
#
# With a column of ones and a column of $x$,
#
# $$
# Z_j'Z_j = \begin{pmatrix} n_j & \sum_i x_{ij} \\ \sum_i x_{ij} & \sum_i x_{ij}^2 \end{pmatrix},
# \qquad
# Z_j'y_j = \begin{pmatrix} \sum_i y_{ij} \\ \sum_i x_{ij} y_{ij} \end{pmatrix} .
# $$
#
# They hold, among other things, every school's own least-squares line: its intercept and slope solve $Z_j'Z_j \, b_j = Z_j'y_j$.

# %% [raw]
# # BEGIN QUESTION
# name: task3_1

# %% [markdown]
# **Write** `cross_products(y, X, Z, g)` in `hlmtools/random_slopes.py`.
# It returns a `CrossProducts` with the fields `clusters` (sorted labels, a pandas Index), `n`, `ZZ`, `ZX`, `Zy` (one block a cluster, in that order), `XX`, `Xy` and `yy`.
# Missing values and columns of different lengths raise a `ValueError`.
#
# **Apply** it to `exam`.
# `exam_y` and `exam_g` are the response and the school.
# The matrix `exam_X` has a column of ones and a column of `standLRT`; it serves as $X$ and as $Z$.
# - `exam_stats`: the sums of products;
# - `exam_lines`: a DataFrame with one row a school (the index is `exam_stats.clusters`) and the columns `intercept` and `slope` of the school's own least-squares line. `np.linalg.solve` solves all 65 systems at once;
# - `exam_slope_59`: the slope of school `"59"`, in SD per SD;
# - `exam_slope_variance`: the sample variance (denominator $J - 1$) of the slopes of the schools **with at least five pupils**.
#
# **Draw** all 65 lines with `draw_lines`.

# %%
exam_y, exam_g = exam["normexam"], exam["school"]
exam_X = np.column_stack([np.ones(len(exam)), exam["standLRT"]])


def draw_lines(lines, ax, title, marked=("28", "53")):
    """Draw one line a school from the columns intercept and slope."""
    x = np.array([-3.0, 3.0])
    for school, line in lines.iterrows():
        color = "#d7301f" if school in marked else "#6baed6"
        ax.plot(x, line["intercept"] + line["slope"] * x, color=color, linewidth=0.9)
        if school in marked:
            ax.text(3.1, line["intercept"] + 3 * line["slope"], school, color=color, va="center")
    ax.set(title=title, xlabel="reading at 11 (SD)", ylabel="exam at 16 (SD)", ylim=(-4, 4))
    ax.label_outer()
    sns.despine(ax=ax)


# %%
exam_stats = cross_products(exam_y, exam_X, exam_X, exam_g)  # SOLUTION 3.1

# %%
# one row a school, columns intercept and slope
exam_lines = ...
# BEGIN SOLUTION 3.1 NO PROMPT
exam_lines = pd.DataFrame(
    np.linalg.solve(exam_stats.ZZ, exam_stats.Zy[:, :, None])[:, :, 0],
    index=exam_stats.clusters,
    columns=["intercept", "slope"],
)
# END SOLUTION

# %%
exam_slope_59 = exam_lines.loc["59", "slope"]  # SOLUTION 3.1
exam_slope_variance = exam_lines.loc[exam_stats.n >= 5, "slope"].var()  # SOLUTION 3.1

# %%
# the schools' own lines
# BEGIN SOLUTION 3.1
fig, ax = plt.subplots(figsize=(6, 4.2), layout="constrained")
draw_lines(exam_lines, ax, "each school's own least-squares line")
# END SOLUTION

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_cross_products(cross_products):
    from hlmtools import check

    Z = [[1, 0], [1, 1], [1, 2]]
    stats = cross_products([1.0, 3.0, 5.0], [[1], [1], [1]], Z, ["a", "b", "a"])
    assert list(stats.clusters) == ["a", "b"], "clusters should hold the sorted labels: a, b."
    check.by_hand(stats.n, [2, 1], "n", "a has two rows, b one")
    check.by_hand(stats.ZZ[0], [[2, 2], [2, 4]], "ZZ of cluster a", "x is 0 and 2")
    check.by_hand(stats.ZX[0], [[2], [2]], "ZX of cluster a", "1 + 1, 0 + 2")
    check.by_hand(stats.Zy[0], [6, 10], "Zy of cluster a", "1 + 5, 0*1 + 2*5")
    check.by_hand(stats.Xy, [9], "Xy", "1 + 3 + 5")
    check.by_hand(stats.yy, 35, "yy", "1 + 9 + 25")


# %%
@test_case()
def form_of_the_lines(exam_lines, exam_slope_59, exam_slope_variance):
    from hlmtools import check

    check.no_slip("exam_slope_59", exam_slope_59)
    check.no_slip("exam_slope_variance", exam_slope_variance)
    check.frame(exam_lines, "exam_lines", columns=["intercept", "slope"], rows=65)
    check.number(exam_slope_59, "exam_slope_59", low=-1, high=2)
    check.number(exam_slope_variance, "exam_slope_variance", low=0)


# %%
@test_case(points=1.5, hidden=True)
def sums_by_cluster(cross_products):
    import numpy as np

    from autograder import expect
    from hlmtools.simulate import random_slopes

    d = random_slopes([[4, 1], [1, 2]], 9, [3, 8, 20, 1, 5], beta=(50, 3), seed=3101)
    X = np.column_stack([np.ones(len(d)), d["x"], d["x"] ** 2])
    args = (d["y"], X, X[:, :2], d["g"])
    got, want = cross_products(*args), expect.solved().cross_products(*args)
    expect.close(got.n, want.n, name="n for unsorted rows with text labels")
    expect.close(got.ZZ, want.ZZ, name="ZZ for unsorted rows with text labels")
    expect.close(got.ZX, want.ZX, name="ZX where X and Z differ")
    expect.close(got.Zy, want.Zy, name="Zy for unsorted rows with text labels")


# %%
@test_case(points=1, hidden=True)
def sums_over_all_rows(cross_products):
    import numpy as np

    from autograder import expect
    from hlmtools.simulate import random_slopes

    d = random_slopes([[1, 0], [0, 1]], 2, [4, 2, 7], beta=(-3, 1), seed=3102)
    X = np.column_stack([d["x"] ** 2, np.ones(len(d)), d["x"]])
    labels = d["g"].map({"c01": 10, "c02": 9, "c03": 2})
    args = (d["y"].tolist(), X.tolist(), X[:, 1:2].tolist(), labels.tolist())
    got, want = cross_products(*args), expect.solved().cross_products(*args)
    expect.close(got.XX, want.XX, name="XX for lists")
    expect.close(got.Xy, want.Xy, name="Xy for lists")
    expect.close(got.yy, want.yy, name="yy for lists")
    expect.close(got.ZZ, want.ZZ, name="ZZ for number labels")


# %%
@test_case(points=0.5, hidden=True)
def unusable_rows_are_refused(cross_products):
    import numpy as np

    from autograder import expect

    ones = [[1.0], [1.0], [1.0]]
    missing = [1.0, float("nan"), 3.0]
    expect.raises(ValueError, cross_products, missing, ones, ones, list("aab"), name="a NaN in y")
    labels = ["a", "b", None]
    expect.raises(
        ValueError, cross_products, missing, ones, ones, labels, name="two missing entries"
    )
    empty = np.empty((0, 1))
    expect.raises(ValueError, cross_products, [], empty, empty, [], name="no rows at all")
    expect.raises(
        ValueError,
        cross_products,
        [1.0, 2.0],
        ones,
        ones,
        list("aab"),
        name="a y that is too short",
    )


# %%
@test_case(points=0.5, hidden=True)
def slope_of_one_school(exam_slope_59):
    from autograder import expect

    expect.quantity("exam_slope_59", exam_slope_59)


# %%
@test_case(points=0.5, hidden=True)
def variance_of_the_slopes(exam_slope_variance):
    from autograder import expect

    expect.quantity("exam_slope_variance", exam_slope_variance)


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# The picture fans out to the right: lines are closer together for weak readers than for strong ones.
# How much of this is the schools, and how much is chance?
# The variance of these slopes is no answer.
# It holds the differences between schools *and* the error with which each line is known, like the variance of school means in Homework 1.

# %% [markdown]
# ## 3.2 Write the deviance
# Let $\Psi = \sigma^2 \Lambda \Lambda'$ with a lower triangular matrix $\Lambda$, the *relative factor*.
# With intercept and slope it has three free entries, which we count down the columns, as lme4 does:
#
# $$
# \Lambda = \begin{pmatrix} \theta_1 & 0 \\ \theta_2 & \theta_3 \end{pmatrix} .
# $$
#
# Whatever $\theta$ is, $\Lambda\Lambda'$ is a covariance matrix; an optimizer that moves in $\theta$ cannot leave the possible ones.
# With only an intercept, $\theta^2$ is the $\lambda$ of Homework 1.
#
# Given $\theta$, the best $\beta$ and $\sigma^2$ have formulas again.
# For each cluster, with $q \times q$ matrices,
#
# $$
# A_j = I + \Lambda' Z_j'Z_j \Lambda = C_j C_j', \qquad
# R_j = C_j^{-1} \Lambda' Z_j'X_j, \qquad
# c_j = C_j^{-1} \Lambda' Z_j'y_j ,
# $$
#
# where $C_j$ is the lower triangular Cholesky factor.
# Then, summed over clusters,
#
# $$
# M = X'X - \sum_j R_j'R_j, \quad m = X'y - \sum_j R_j'c_j, \quad \hat\beta = M^{-1} m, \quad
# r^2 = y'y - \sum_j c_j'c_j - \hat\beta' m ,
# $$
#
# $$
# \begin{aligned}
# d_{\mathrm{ML}}(\theta) &= 2 \sum_j \log\det C_j + N \Bigl[1 + \log \frac{2 \pi r^2}{N}\Bigr] \\
# d_{\mathrm{REML}}(\theta) &= 2 \sum_j \log\det C_j + \log\det M + (N - p) \Bigl[1 + \log \frac{2 \pi r^2}{N - p}\Bigr]
# \end{aligned}
# $$
#
# These are the lines that lme4 works with (Bates, Mächler, Bolker and Walker 2015, section 3.4), taken cluster by cluster.
# Each evaluation costs some small matrices a school, however many pupils there are.

# %% [raw]
# # BEGIN QUESTION
# name: task3_2

# %% [markdown]
# **Write** three functions.
# - `relative_factor(theta, q)` puts `theta` into the lower triangle of a $q \times q$ matrix, column by column. A `theta` of the wrong length raises a `ValueError`.
# - `lmm_profile(theta, stats)` returns an `LMMProfile(beta=..., r2=..., M=..., log_det=...)`, where `log_det` is $2 \sum_j \log\det C_j$. `np.linalg.cholesky` and `np.linalg.solve` take all clusters at once.
# - `lmm_deviance(theta, stats, reml=True)` puts these together.
#
# **Apply** them, with points that are *not* the optimum:
# - `exam_dev_0` and `exam_dev_a`: the **ML** deviance of `exam` at $\theta = (0, 0, 0)$ and at $\theta = (0.5, 0.2, 0.1)$;
# - `exam_dev_3`: the **ML** deviance of `exam` with three random coefficients, of 1, $x$ and $x^2$ (`exam_Z3` below; the fixed part stays `exam_X`), at `theta_3`;
# - `hsb_rs_crit_a`: the **REML** criterion of the High School and Beyond data, `mAch` on `cses` with random intercept and slope by `school` (`hsb_X` below), at $\theta = (0.5, 0.1, 0.2)$.

# %%
exam_Z3 = np.column_stack([exam_X, exam["standLRT"] ** 2])
theta_3 = [0.4, 0.1, -0.05, 0.2, 0.03, 0.08]
hsb = load_dataset("hsb")
hsb_X = np.column_stack([np.ones(len(hsb)), hsb["cses"]])

# %% [markdown]
# Once the functions are written, this shows what they give at the second of these points.

# %% tags=["raises-exception"]
print(relative_factor([0.5, 0.2, 0.1], 2))
lmm_profile([0.5, 0.2, 0.1], exam_stats)

# %%
exam_dev_0 = lmm_deviance([0.0, 0.0, 0.0], exam_stats, reml=False)  # SOLUTION 3.2
exam_dev_a = lmm_deviance([0.5, 0.2, 0.1], exam_stats, reml=False)  # SOLUTION 3.2

# %%
exam_stats_3 = cross_products(exam_y, exam_X, exam_Z3, exam_g)  # SOLUTION 3.2
exam_dev_3 = lmm_deviance(theta_3, exam_stats_3, reml=False)  # SOLUTION 3.2

# %%
hsb_stats = cross_products(hsb["mAch"], hsb_X, hsb_X, hsb["school"])  # SOLUTION 3.2
hsb_rs_crit_a = lmm_deviance([0.5, 0.1, 0.2], hsb_stats)  # SOLUTION 3.2

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_relative_factor(relative_factor):
    from hlmtools import check

    factor = relative_factor([2.0, 0.5, 1.0], 2)
    check.by_hand(factor, [[2, 0], [0.5, 1]], "relative_factor([2, 0.5, 1], 2)", "down the columns")
    factor = relative_factor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3)
    expected = [[1, 0, 0], [2, 4, 0], [3, 5, 6]]
    check.by_hand(factor, expected, "relative_factor of 1 to 6, q = 3", "down the columns")


# %%
@test_case()
def form_of_lmm_profile(lmm_profile):
    import math

    import numpy as np
    import pandas as pd

    from hlmtools import check
    from hlmtools.records import CrossProducts

    stats = CrossProducts(
        clusters=pd.Index(["a", "b"]),
        n=np.array([2, 2]),
        ZZ=np.array([[[2.0]], [[2.0]]]),
        ZX=np.array([[[2.0]], [[2.0]]]),
        Zy=np.array([[24.0], [44.0]]),
        XX=np.array([[4.0]]),
        Xy=np.array([68.0]),
        yy=1272.0,
    )
    found = lmm_profile([math.sqrt(1.5)], stats)
    check.by_hand(found.log_det, 2 * math.log(4), "log_det of 10, 14 | 20, 24", "A = 1 + 1.5 * 2")
    check.by_hand(found.M, [[1]], "M of 10, 14 | 20, 24", "4 - 2 * (1.5 * 2 * 2 / 4)")
    check.by_hand(found.beta, [17], "beta of 10, 14 | 20, 24", "equal sizes, so (12 + 22) / 2")
    check.by_hand(found.r2, 41, "r2 of 10, 14 | 20, 24", "16 + 25, as in Homework 1")


# %%
@test_case()
def form_of_the_deviances(exam_dev_0, exam_dev_a, exam_dev_3, hsb_rs_crit_a):
    from hlmtools import check

    check.no_slip("exam_dev_0", exam_dev_0)
    check.no_slip("exam_dev_a", exam_dev_a)
    check.no_slip("exam_dev_3", exam_dev_3)
    check.no_slip("hsb_rs_crit_a", hsb_rs_crit_a)
    check.number(exam_dev_0, "exam_dev_0", low=0)
    check.number(exam_dev_a, "exam_dev_a", low=0)
    check.number(exam_dev_3, "exam_dev_3", low=0)
    check.number(hsb_rs_crit_a, "hsb_rs_crit_a", low=0)


# %%
@test_case(points=0.5, hidden=True)
def factor_of_any_size(relative_factor):
    from autograder import expect

    expect.agrees("relative_factor", relative_factor, [0.7], 1, name="one coefficient")
    expect.agrees("relative_factor", relative_factor, [0.7, -0.4, 0.0], 2, name="two coefficients")
    theta = [0.9, -0.1, 0.3, 0.2, 0.7, 0.5, 1.1, -0.6, 0.4, 0.8]
    expect.agrees("relative_factor", relative_factor, theta, 4, name="four coefficients")


# %%
@test_case(points=0.5, hidden=True)
def wrong_length_is_refused(relative_factor):
    from autograder import expect

    expect.raises(ValueError, relative_factor, [1.0, 2.0], 2, name="two numbers for q = 2")
    expect.raises(ValueError, relative_factor, [1.0, 2.0, 3.0, 4.0], 2, name="four for q = 2")
    infinite = [1.0, float("inf"), 3.0]
    expect.raises(ValueError, relative_factor, infinite, 2, name="an infinite number")


# %%
@test_case(points=2, hidden=True)
def coefficients_at_a_theta(lmm_profile):
    import numpy as np

    from autograder import expect
    from hlmtools.simulate import random_slopes

    d = random_slopes([[4, 1], [1, 2]], 9, [3, 8, 20, 1, 31, 5], beta=(50, 3), seed=3201)
    X = np.column_stack([np.ones(len(d)), d["x"], d["x"] ** 2])
    solved = expect.solved()
    stats = solved.cross_products(d["y"], X, X[:, :2], d["g"])
    for theta in ([0.7, 0.2, 0.5], [2.0, -1.0, 0.1]):
        got, want = lmm_profile(theta, stats), solved.lmm_profile(theta, stats)
        expect.agrees(
            "lmm_profile", lmm_profile, theta, stats, fields=("log_det",), name="a sample"
        )
        expect.agrees("lmm_profile", lmm_profile, theta, stats, fields=("r2",), name="a sample")
        expect.close(got.M, want.M, name="M")
        expect.close(got.beta, want.beta, name="beta")


# %%
@test_case(points=1.5, hidden=True)
def full_likelihood_off_the_optimum(lmm_deviance):
    import numpy as np

    from autograder import expect
    from hlmtools.simulate import random_slopes

    d = random_slopes([[2, -0.5], [-0.5, 1]], 6, [12, 5, 5, 2, 1, 27], beta=(-8, 1), seed=3202)
    X = np.column_stack([np.ones(len(d)), d["x"]])
    stats = expect.solved().cross_products(d["y"], X, X, d["g"])
    for theta in ([0.3, -0.1, 0.2], [3.0, 1.0, 2.0], [0.0, 0.4, 0.6]):
        expect.agrees("lmm_deviance", lmm_deviance, theta, stats, False, name="ML, other theta")


# %%
@test_case(points=1.5, hidden=True)
def restricted_likelihood_off_the_optimum(lmm_deviance):
    import numpy as np

    from autograder import expect
    from hlmtools.simulate import random_slopes

    d = random_slopes([[2, 1], [1, 1]], 6, [9, 4, 16, 2, 1, 11], beta=(100, -4), seed=3203)
    X = np.column_stack([np.ones(len(d)), d["x"], d["x"] ** 2])
    stats = expect.solved().cross_products(d["y"], X, X[:, :2], d["g"])
    for theta in ([0.3, 0.1, 0.2], [1.5, -1.0, 0.7]):
        expect.agrees("lmm_deviance", lmm_deviance, theta, stats, True, name="REML, other theta")


# %%
@test_case(points=1, hidden=True)
def one_and_three_random_coefficients(lmm_deviance):
    import numpy as np

    from autograder import expect
    from hlmtools.simulate import random_slopes

    d = random_slopes([[3, 0], [0, 1]], 5, [4, 9, 1, 6, 13], beta=(20, 2), seed=3204)
    X = np.column_stack([np.ones(len(d)), d["x"], d["x"] ** 2])
    make = expect.solved().cross_products
    stats = make(d["y"], X[:, :1], X[:, :1], d["g"])
    expect.agrees("lmm_deviance", lmm_deviance, [0.8], stats, True, name="an intercept only")
    stats = make(d["y"], X, X, d["g"])
    theta = [0.8, 0.3, -0.2, 0.5, 0.1, 0.4]
    expect.agrees("lmm_deviance", lmm_deviance, theta, stats, False, name="three coefficients")


# %%
@test_case(points=0.5, hidden=True)
def ordinary_regression_at_theta_zero(lmm_deviance):
    import numpy as np
    from scipy.stats import norm

    from autograder import expect
    from hlmtools.simulate import random_slopes

    d = random_slopes([[1, 0], [0, 1]], 4, [7, 5, 9], beta=(3, 2), seed=3205)
    X = np.column_stack([np.ones(len(d)), d["x"]])
    residual = d["y"] - X @ np.linalg.lstsq(X, d["y"], rcond=None)[0]
    pooled = -2 * norm.logpdf(residual, 0, np.sqrt((residual**2).mean())).sum()
    stats = expect.solved().cross_products(d["y"], X, X, d["g"])
    expect.close(lmm_deviance([0, 0, 0], stats, False), float(pooled), name="the ML deviance at 0")


# %%
@test_case(points=1, hidden=True)
def deviances_of_exam(exam_dev_0, exam_dev_a):
    from autograder import expect

    expect.quantity("exam_dev_0", exam_dev_0)
    expect.quantity("exam_dev_a", exam_dev_a)


# %%
@test_case(points=0.5, hidden=True)
def deviance_with_three_random_coefficients(exam_dev_3):
    from autograder import expect

    expect.quantity("exam_dev_3", exam_dev_3)


# %%
@test_case(points=0.5, hidden=True)
def criterion_of_hsb(hsb_rs_crit_a):
    from autograder import expect

    expect.quantity("hsb_rs_crit_a", hsb_rs_crit_a)


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# Here is what the ML deviance of `exam` looks like as a function of two of the three entries of $\theta$, with $\theta_1$ kept at 0.4.
# The numbers on the contours are points above the lowest place in the picture.

# %% tags=["raises-exception"]
below, slope = np.meshgrid(np.linspace(-0.06, 0.24, 41), np.linspace(0, 0.3, 41))
surface = np.array(
    [
        [lmm_deviance([0.4, t2, t3], exam_stats, False) for t2, t3 in zip(*row, strict=True)]
        for row in zip(below, slope, strict=True)
    ]
)
fig, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
levels = [1, 4, 9, 16, 25]
lines = ax.contour(below, slope, surface - surface.min(), levels, cmap="viridis", vmax=40)
ax.clabel(lines, fontsize=8)
ax.axvline(0, color="gray", linestyle=":")
ax.set_xlabel("θ2 (0: intercepts and slopes uncorrelated)")
ax.set_ylabel("θ3")
sns.despine()

# %% [markdown]
# The lowest place lies to the right of the dotted line: schools with high intercepts tend to have steep slopes.
# At the bottom edge, with $\theta_3 = 0$, intercepts and slopes would be perfectly correlated.

# %% [markdown]
# ## 3.3 Fit the model
# The estimate $\hat\theta$ is where the deviance is smallest, with the diagonal of $\Lambda$ not below 0.
# Then
#
# $$
# \hat\sigma^2 = \begin{cases} r^2 / (N - p) & \text{REML} \\ r^2 / N & \text{ML} \end{cases}, \qquad
# \hat\Psi = \hat\sigma^2 \hat\Lambda \hat\Lambda', \qquad
# \operatorname{se}(\hat\beta) = \sqrt{\hat\sigma^2 \operatorname{diag} M^{-1}} .
# $$
#
# The search itself is given: `best_theta`, at the end of this part of the module.
# Read it: it starts from several places and does not trust a minimizer's word that it has converged.
# Section 3.3 of the notes shows what happens to a program that does.
#
# A fit is **singular** where $\hat\Psi$ has no inverse: a variance is 0, or a correlation is $\pm 1$.
# In terms of $\Lambda$, an entry on its diagonal is 0; we follow lme4 and call it 0 below 0.0001.

# %% [raw]
# # BEGIN QUESTION
# name: task3_3

# %% [markdown]
# **Write** `fit_lmm(y, X, Z, g, reml=True)`.
# It returns an `LMMResult` with the fields `beta`, `se`, `Psi`, `sigma2`, `theta`, `deviance`, `reml`, `singular` and `stats`.
# Fewer than two clusters, or columns of `X` of which one follows from the others, raise a `ValueError`.
#
# **Fit** `exam` by **maximum likelihood**:
# - `exam_ri`: a random intercept only (`exam_X[:, :1]` is the column of ones);
# - `exam_fit`: random intercept and slope, and from it `exam_psi11`, `exam_psi21`, `exam_psi22`, `exam_sigma2`, the mean slope `exam_slope` and its standard error `exam_slope_se`;
# - `exam_corr`: the correlation of intercepts and slopes.

# %%
exam_ri = fit_lmm(exam_y, exam_X, exam_X[:, :1], exam_g, reml=False)  # SOLUTION 3.3
exam_fit = fit_lmm(exam_y, exam_X, exam_X, exam_g, reml=False)  # SOLUTION 3.3

# %%
exam_psi11 = exam_fit.Psi[0, 0]  # SOLUTION 3.3
exam_psi21 = exam_fit.Psi[1, 0]  # SOLUTION 3.3
exam_psi22 = exam_fit.Psi[1, 1]  # SOLUTION 3.3
exam_sigma2 = exam_fit.sigma2  # SOLUTION 3.3
exam_slope = exam_fit.beta[1]  # SOLUTION 3.3
exam_slope_se = exam_fit.se[1]  # SOLUTION 3.3
exam_corr = exam_psi21 / np.sqrt(exam_psi11 * exam_psi22)  # SOLUTION 3.3

# %% [markdown]
# Rabe-Hesketh and Skrondal fit the same data with Stata, with both scores multiplied by ten.
# In our unit their variances are 0.090 and 0.0145 and their $\sigma^2$ is 0.554.
#
# **High School and Beyond.** Fit `mAch` on `cses` with random intercept and slope by **REML**: `hsb_fit`, and from it `hsb_rs_psi11` and `hsb_rs_psi22` (in squared test points, and in squared units of the slope, which are test points per point of `cses`).
# Fit the random intercept alone as well: `hsb_ri`.
#
# **Dutch schools.** `bdf` has a language test, `langPOST`, and a verbal IQ, `IQ_verb`.
# `bdf_X` has IQ measured from its mean over all pupils.
# By **maximum likelihood**: `bdf_ri` with a random intercept, `bdf_fit` with random intercept and slope, and from it `bdf_rs_psi11`, `bdf_rs_psi22` and the correlation `bdf_rs_corr`.
# Rodriguez (in the notes of his course at Princeton) has standard deviations of 3.06 between intercepts and 0.46 between slopes, and a correlation of -0.82.

# %%
bdf = load_dataset("bdf")
bdf_X = np.column_stack([np.ones(len(bdf)), bdf["IQ_verb"] - bdf["IQ_verb"].mean()])

# %%
hsb_ri = fit_lmm(hsb["mAch"], hsb_X, hsb_X[:, :1], hsb["school"])  # SOLUTION 3.3
hsb_fit = fit_lmm(hsb["mAch"], hsb_X, hsb_X, hsb["school"])  # SOLUTION 3.3
hsb_rs_psi11 = hsb_fit.Psi[0, 0]  # SOLUTION 3.3
hsb_rs_psi22 = hsb_fit.Psi[1, 1]  # SOLUTION 3.3

# %%
bdf_ri = fit_lmm(bdf["langPOST"], bdf_X, bdf_X[:, :1], bdf["schoolNR"], reml=False)  # SOLUTION 3.3
bdf_fit = fit_lmm(bdf["langPOST"], bdf_X, bdf_X, bdf["schoolNR"], reml=False)  # SOLUTION 3.3
bdf_rs_psi11 = bdf_fit.Psi[0, 0]  # SOLUTION 3.3
bdf_rs_psi22 = bdf_fit.Psi[1, 1]  # SOLUTION 3.3
bdf_rs_corr = bdf_fit.Psi[1, 0] / np.sqrt(bdf_rs_psi11 * bdf_rs_psi22)  # SOLUTION 3.3

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_fit_lmm(fit_lmm):
    from hlmtools import check

    ones = [[1.0], [1.0], [1.0], [1.0]]
    fit = fit_lmm([10.0, 14.0, 20.0, 24.0], ones, ones, ["a", "a", "b", "b"])
    check.by_hand(fit.beta, [17], "beta of 10, 14 | 20, 24", "as in Homework 1, (12 + 22) / 2")
    Psi = check.array(fit.Psi, "Psi", shape=(1, 1))
    check.by_hand(Psi.round(2), [[46]], "Psi, to two decimals", "as in Homework 1, (100 - 8) / 2")
    check.by_hand(round(fit.sigma2, 2), 8, "sigma2, to two decimals", "as in Homework 1, (8 + 8)/2")
    se = check.array(fit.se, "se", shape=(1,))
    check.by_hand(se.round(3), [5], "se, to three decimals", "sqrt((46 + 8/2) / 2)")


# %%
@test_case()
def form_of_the_fit_of_exam(
    exam_fit, exam_psi11, exam_psi21, exam_psi22, exam_sigma2, exam_slope, exam_slope_se, exam_corr
):
    from hlmtools import check

    check.no_slip("exam_deviance", getattr(exam_fit, "deviance", exam_fit))
    check.no_slip("exam_psi11", exam_psi11)
    check.no_slip("exam_psi21", exam_psi21)
    check.no_slip("exam_psi22", exam_psi22)
    check.no_slip("exam_rs_sigma2", exam_sigma2)
    check.no_slip("exam_slope", exam_slope)
    check.no_slip("exam_slope_se", exam_slope_se)
    check.no_slip("exam_corr", exam_corr)
    check.number(exam_psi11, "exam_psi11", low=0)
    check.number(exam_psi22, "exam_psi22", low=0)
    check.number(exam_sigma2, "exam_sigma2", low=0)
    check.number(exam_slope_se, "exam_slope_se", low=0)
    check.number(exam_corr, "exam_corr", low=-1, high=1)


# %%
@test_case()
def form_of_the_random_intercepts(exam_ri, hsb_ri, bdf_ri):
    from hlmtools import check

    check.array(exam_ri.Psi, "exam_ri.Psi", shape=(1, 1))
    check.array(hsb_ri.Psi, "hsb_ri.Psi", shape=(1, 1))
    check.array(bdf_ri.Psi, "bdf_ri.Psi", shape=(1, 1))
    assert not bdf_ri.reml, "bdf_ri should be fitted by maximum likelihood, reml=False."


# %%
@test_case()
def form_of_the_other_fits(
    hsb_fit, hsb_rs_psi11, hsb_rs_psi22, bdf_rs_psi11, bdf_rs_psi22, bdf_rs_corr
):
    from hlmtools import check

    check.no_slip("hsb_rs_deviance", getattr(hsb_fit, "deviance", hsb_fit))
    check.no_slip("hsb_rs_psi11", hsb_rs_psi11)
    check.no_slip("hsb_rs_psi22", hsb_rs_psi22)
    check.no_slip("bdf_rs_psi11", bdf_rs_psi11)
    check.no_slip("bdf_rs_psi22", bdf_rs_psi22)
    check.no_slip("bdf_rs_corr", bdf_rs_corr)
    check.number(hsb_rs_psi11, "hsb_rs_psi11", low=0)
    check.number(hsb_rs_psi22, "hsb_rs_psi22", low=0)
    check.number(bdf_rs_psi11, "bdf_rs_psi11", low=0)
    check.number(bdf_rs_psi22, "bdf_rs_psi22", low=0)
    check.number(bdf_rs_corr, "bdf_rs_corr", low=-1, high=1)


# %%
@test_case(points=1, hidden=True)
def restricted_fit(fit_lmm):
    import numpy as np

    from autograder import expect
    from hlmtools.simulate import random_slopes

    sizes = [3, 8, 20, 2, 31, 1, 14, 9, 12, 6]
    d = random_slopes([[4, 1], [1, 2]], 9, sizes, beta=(50, 3), seed=3301)
    X = np.column_stack([np.ones(len(d)), d["x"]])
    got, want = fit_lmm(d["y"], X, X, d["g"]), expect.solved().fit_lmm(d["y"], X, X, d["g"])
    expect.close(got.deviance, want.deviance, "deviance", name="the REML criterion")
    expect.close(got.Psi, want.Psi, "variance_component", name="Psi by REML")
    expect.close(got.sigma2, want.sigma2, "variance_component", name="sigma2 by REML")


# %%
@test_case(points=1, hidden=True)
def full_likelihood_fit(fit_lmm):
    import numpy as np

    from autograder import expect
    from hlmtools.simulate import random_slopes

    sizes = [13, 7, 20, 2, 11, 1, 14, 9, 12, 6]
    d = random_slopes([[9, -2], [-2, 3]], 16, sizes, beta=(-5, 3), seed=3302)
    X = np.column_stack([np.ones(len(d)), d["x"]])
    args = (d["y"], X, X, d["g"], False)
    got, want = fit_lmm(*args), expect.solved().fit_lmm(*args)
    expect.close(got.deviance, want.deviance, "deviance", name="the ML deviance")
    expect.close(got.Psi, want.Psi, "variance_component", name="Psi by ML")
    expect.close(got.sigma2, want.sigma2, "variance_component", name="sigma2 by ML")


# %%
@test_case(points=1, hidden=True)
def coefficients_and_standard_errors(fit_lmm):
    import numpy as np

    from autograder import expect
    from hlmtools.simulate import random_slopes

    sizes = [10, 4, 6, 12, 9, 5, 8, 20]
    d = random_slopes([[4, 2], [2, 3]], 4, sizes, beta=(100, 10), seed=3303)
    X = np.column_stack([np.ones(len(d)), d["x"], (d["x"] - 0.5) ** 2])
    args = (d["y"], X, X[:, :2], d["g"])
    got, want = fit_lmm(*args), expect.solved().fit_lmm(*args)
    expect.close(got.beta, want.beta, "standard_error", name="beta with three covariates")
    expect.close(got.se, want.se, "standard_error", name="se with three covariates")


# %%
@test_case(points=1, hidden=True)
def singular_fits_are_marked(fit_lmm):
    import numpy as np

    from autograder import expect
    from hlmtools.simulate import random_slopes

    d = random_slopes([[4, 0], [0, 0]], 9, [6] * 12, beta=(10, 2), seed=3304)
    X = np.column_stack([np.ones(len(d)), d["x"]])
    solved = expect.solved().fit_lmm(d["y"], X, X, d["g"])
    fit = fit_lmm(d["y"], X, X, d["g"])
    expect.true(bool(fit.singular) == solved.singular, "singular is not right for equal slopes.")
    expect.close(fit.deviance, solved.deviance, "deviance", name="the criterion of a singular fit")
    d = random_slopes([[4, 1], [1, 2]], 1, [9] * 12, beta=(10, 2), seed=3305)
    X = np.column_stack([np.ones(len(d)), d["x"]])
    fit = fit_lmm(d["y"], X, X, d["g"])
    expect.true(not bool(fit.singular), "A fit well inside should say singular=False.")


# %%
@test_case(points=0.5, hidden=True)
def unusable_designs_are_refused(fit_lmm):
    from autograder import expect

    y, ones = [1.0, 2.0, 4.0, 3.0], [[1.0]] * 4
    expect.raises(ValueError, fit_lmm, y, ones, ones, ["a"] * 4, name="a single cluster")
    twice = [[1.0, 2.0]] * 4
    expect.raises(ValueError, fit_lmm, y, twice, ones, list("aabb"), name="columns that repeat")


# %%
@test_case(points=1, hidden=True)
def variances_of_exam(exam_fit, exam_psi11, exam_psi21, exam_psi22, exam_sigma2, exam_corr):
    import math

    from autograder import expect

    expect.quantity("exam_deviance", exam_fit.deviance)
    expect.quantity("exam_psi11", exam_psi11)
    expect.quantity("exam_psi22", exam_psi22)
    expect.quantity("exam_psi21", exam_psi21)
    expect.quantity("exam_rs_sigma2", exam_sigma2)

    def own():
        return exam_psi21 / math.sqrt(exam_psi11 * exam_psi22)

    expect.quantity("exam_corr", exam_corr, follows=own)


# %%
@test_case(points=0.5, hidden=True)
def mean_slope_of_exam(exam_slope, exam_slope_se):
    from autograder import expect

    expect.quantity("exam_slope", exam_slope)
    expect.quantity("exam_slope_se", exam_slope_se)


# %%
@test_case(points=0.5, hidden=True)
def variances_of_american_schools(hsb_fit, hsb_rs_psi11, hsb_rs_psi22):
    from autograder import expect

    expect.quantity("hsb_rs_psi11", hsb_rs_psi11)
    expect.quantity("hsb_rs_psi22", hsb_rs_psi22)
    expect.quantity("hsb_rs_deviance", hsb_fit.deviance)


# %%
@test_case(points=0.5, hidden=True)
def variances_of_the_dutch_schools(bdf_rs_psi11, bdf_rs_psi22, bdf_rs_corr):
    from autograder import expect

    expect.quantity("bdf_rs_psi11", bdf_rs_psi11)
    expect.quantity("bdf_rs_psi22", bdf_rs_psi22)
    expect.quantity("bdf_rs_corr", bdf_rs_corr)


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# **Where the truth is known.** Your machine on simulated data: 300 clusters of 10, with $\psi_{11} = 4$, $\psi_{21} = 1$, $\psi_{22} = 2$ and $\sigma^2 = 9$.

# %% tags=["raises-exception"]
known = random_slopes([[4, 1], [1, 2]], sigma2=9, sizes=[10] * 300, beta=(50, 3), seed=33)
known_X = np.column_stack([np.ones(len(known)), known["x"]])
known_fit = fit_lmm(known["y"], known_X, known_X, known["g"])
print("beta  ", known_fit.beta.round(2), "  truth 50, 3")
print("Psi   ", known_fit.Psi.round(2).tolist(), "  truth [[4, 1], [1, 2]]")
print("sigma2", round(known_fit.sigma2, 2), "  truth 9")

# %% [markdown]
# Read your results.
#
# - *The variance of slopes* is less than half of the variance that the schools' own lines had in Task 3.1, even without the school of two pupils: the rest was chance.
# - *The standard error of the mean slope* is more than half as large again as in the random-intercept model. If slopes differ between schools, a mean slope is an average over 65 schools, not over 4059 pupils.
# - *Two countries.* In London, intercepts and slopes are positively correlated, in the Dutch schools strongly negatively. Keep this in mind for the next task.

# %% [markdown]
# ## 3.4 Say how variances depend on x
# In Homework 1 the variance between schools was one number.
# Now it depends on where one looks.
# At reading score $x$ the line of school $j$ is $\zeta_{1j} + \zeta_{2j} x$ away from the mean line, so that
#
# $$
# \operatorname{Var}(y \mid x) = \underbrace{\psi_{11} + 2 x \psi_{21} + x^2 \psi_{22}}_{\text{between schools}} + \sigma^2 .
# $$
#
# The intraclass correlation depends on $x$ as well, and so does the correlation of two pupils of one school, with scores $x_1$ and $x_2$:
#
# $$
# \rho(x) = \frac{\psi_{11} + 2 x \psi_{21} + x^2 \psi_{22}}{\operatorname{Var}(y \mid x)}, \qquad
# \operatorname{Cor}(y_1, y_2) = \frac{\psi_{11} + (x_1 + x_2) \psi_{21} + x_1 x_2 \psi_{22}}{\sqrt{\operatorname{Var}(y \mid x_1) \operatorname{Var}(y \mid x_2)}} .
# $$

# %% [raw]
# # BEGIN QUESTION
# name: task3_4

# %% [markdown]
# **Write** `total_var(x, Psi, sigma2)`, `icc_at(x, Psi, sigma2)` and `corr_at(x1, x2, Psi, sigma2)`.
# In the first two, `x` may be one number (the result is one number) or an array (the result is an array).
# A `Psi` that is no covariance matrix of two coefficients, or a negative `sigma2`, raises a `ValueError`.
#
# **Apply** them to `exam_fit`:
# - `exam_var_low` and `exam_var_high`: the variance of the exam scores of pupils with a reading score of -2, and of 2;
# - `exam_icc_low` and `exam_icc_high`: their intraclass correlations;
# - `exam_corr_weak_strong`: the correlation of two pupils of the same school, one with a reading score of -1, the other of 1.
#
# **Draw** two pictures side by side: on the left the variance between schools and the total variance as functions of reading, from -3 to 3; on the right the intraclass correlation of `exam` and, for comparison, of `bdf`, as a function of the covariate in standard deviations (the standard deviation of verbal IQ is `bdf["IQ_verb"].std()`).

# %%
exam_var_low = total_var(-2, exam_fit.Psi, exam_sigma2)  # SOLUTION 3.4
exam_var_high = total_var(2, exam_fit.Psi, exam_sigma2)  # SOLUTION 3.4
exam_icc_low = icc_at(-2, exam_fit.Psi, exam_sigma2)  # SOLUTION 3.4
exam_icc_high = icc_at(2, exam_fit.Psi, exam_sigma2)  # SOLUTION 3.4
exam_corr_weak_strong = corr_at(-1, 1, exam_fit.Psi, exam_sigma2)  # SOLUTION 3.4

# %%
# variances on the left, intraclass correlations on the right
# BEGIN SOLUTION 3.4
x = np.linspace(-3, 3, 121)
fig, axes = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
axes[0].plot(x, total_var(x, exam_fit.Psi, exam_sigma2), label="total")
axes[0].plot(x, total_var(x, exam_fit.Psi, 0.0), label="between schools")
axes[0].axhline(exam_sigma2, color="gray", linestyle=":", label="within schools")
axes[0].set(xlabel="reading at 11 (SD)", ylabel="variance of exam (squared SD)", ylim=(0, 1.05))
axes[0].legend(frameon=False)
axes[1].plot(x, icc_at(x, exam_fit.Psi, exam_sigma2), label="London: exam by reading")
iq_sd = bdf["IQ_verb"].std()
axes[1].plot(x, icc_at(x * iq_sd, bdf_fit.Psi, bdf_fit.sigma2), label="Netherlands: language by IQ")
axes[1].set(xlabel="covariate (SD)", ylabel="intraclass correlation", ylim=(0, 0.5))
axes[1].legend(frameon=False)
sns.despine()
# END SOLUTION

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_total_var(total_var, icc_at, corr_at):
    from hlmtools import check

    Psi = [[4.0, 1.0], [1.0, 1.0]]
    check.by_hand(total_var(1.0, Psi, 3.0), 10, "total_var(1, ...)", "4 + 2*1 + 1 + 3")
    values = total_var([0.0, 1.0, -1.0], Psi, 3.0)
    check.by_hand(
        values, [7, 10, 6], "total_var at 0, 1, -1", "4 + 3, 4 + 2 + 1 + 3, 4 - 2 + 1 + 3"
    )
    check.by_hand(icc_at(-1.0, Psi, 3.0), 0.5, "icc_at(-1, ...)", "(4 - 2 + 1) / 6")
    check.by_hand(
        corr_at(0.0, -4.0, [[4.0, 0.0], [0.0, 1.0]], 5.0),
        4 / 15,
        "corr_at(0, -4, ...)",
        "4 / sqrt((4 + 5) (4 + 16 + 5))",
    )


# %%
@test_case()
def form_of_the_variances(
    exam_var_low, exam_var_high, exam_icc_low, exam_icc_high, exam_corr_weak_strong
):
    from hlmtools import check

    check.no_slip("exam_var_low", exam_var_low)
    check.no_slip("exam_var_high", exam_var_high)
    check.no_slip("exam_icc_low", exam_icc_low)
    check.no_slip("exam_icc_high", exam_icc_high)
    check.no_slip("exam_corr_weak_strong", exam_corr_weak_strong)
    check.number(exam_var_low, "exam_var_low", low=0)
    check.number(exam_var_high, "exam_var_high", low=0)
    check.number(exam_icc_low, "exam_icc_low", low=0, high=1)
    check.number(exam_icc_high, "exam_icc_high", low=0, high=1)
    check.number(exam_corr_weak_strong, "exam_corr_weak_strong", low=-1, high=1)


# %%
@test_case(points=1, hidden=True)
def variance_function(total_var):
    import numpy as np

    from autograder import expect

    Psi = np.array([[3.7, -1.1], [-1.1, 0.8]])
    expect.agrees("total_var", total_var, 2.5, Psi, 5.2, name="one value of x")
    x = np.array([-3.0, -0.4, 0.0, 1.7])
    expect.agrees("total_var", total_var, x, Psi, 5.2, name="several values of x")
    expect.agrees("total_var", total_var, x, np.diag([2.0, 0.0]), 1.0, name="equal slopes")


# %%
@test_case(points=1, hidden=True)
def correlation_of_units_with_the_same_x(icc_at):
    import numpy as np

    from autograder import expect

    Psi = np.array([[3.7, -1.1], [-1.1, 0.8]])
    expect.agrees("icc_at", icc_at, -1.3, Psi, 5.2, name="one value of x")
    expect.agrees("icc_at", icc_at, -1.3, Psi, 0.0, name="no variance within clusters")
    x = np.array([-3.0, -0.4, 0.0, 1.7])
    expect.agrees("icc_at", icc_at, x, Psi, 5.2, name="several values of x")


# %%
@test_case(points=1, hidden=True)
def correlation_of_units_with_different_x(corr_at):
    from autograder import expect

    Psi = [[3.7, -1.1], [-1.1, 0.8]]
    expect.agrees("corr_at", corr_at, -1.3, 2.2, Psi, 5.2, name="two values of x")
    expect.agrees("corr_at", corr_at, 3.0, -3.0, Psi, 0.4, name="opposite values of x")
    expect.close(corr_at(1.5, 1.5, Psi, 5.2), expect.solved().icc_at(1.5, Psi, 5.2), name="equal x")


# %%
@test_case(points=0.5, hidden=True)
def impossible_matrices_are_refused(total_var):
    from autograder import expect

    beyond = [[1.0, 2.0], [2.0, 1.0]]
    expect.raises(ValueError, total_var, 1.0, beyond, 1.0, name="a correlation beyond 1")
    right = [[1.0, 0.5], [0.5, 1.0]]
    expect.raises(ValueError, total_var, 1.0, right, -1.0, name="a negative sigma2")


# %%
@test_case(points=0.5, hidden=True)
def variances_of_weak_and_strong_readers(exam_var_low, exam_var_high, exam_fit, exam_sigma2):
    from autograder import expect

    def own(x):
        return expect.solved().total_var(x, exam_fit.Psi, exam_sigma2)

    expect.quantity("exam_var_low", exam_var_low, follows=lambda: own(-2))
    expect.quantity("exam_var_high", exam_var_high, follows=lambda: own(2))


# %%
@test_case(points=0.5, hidden=True)
def correlations_among_weak_and_among_strong_readers(
    exam_icc_low, exam_icc_high, exam_fit, exam_sigma2
):
    from autograder import expect

    def own(x):
        return expect.solved().icc_at(x, exam_fit.Psi, exam_sigma2)

    expect.quantity("exam_icc_low", exam_icc_low, follows=lambda: own(-2))
    expect.quantity("exam_icc_high", exam_icc_high, follows=lambda: own(2))


# %%
@test_case(points=0.5, hidden=True)
def correlation_of_a_weak_and_a_strong_reader(exam_corr_weak_strong, exam_fit, exam_sigma2):
    from autograder import expect

    def own():
        return expect.solved().corr_at(-1, 1, exam_fit.Psi, exam_sigma2)

    expect.quantity("exam_corr_weak_strong", exam_corr_weak_strong, follows=own)


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# Here is the first half of the answer.
# Among very weak readers about an eighth of the variance of exam scores lies between schools, among very strong readers more than a quarter: in London the school matters more for strong readers.
# In the Dutch data it is the other way round.
# Which of the two one finds is not a law; it depends on the schools, the test and the covariate.

# %% [markdown]
# ## 3.5 Move the origin of x
# The reading score was standardized by somebody, and $\psi_{11}$ is the variance of the lines' heights at *their* zero.
# Measure reading from $c$ instead: $x' = x - c$.
# The slopes stay, and the new intercept is the old line's height at $x = c$:
#
# $$
# \Psi' = A \Psi A', \qquad A = \begin{pmatrix} 1 & c \\ 0 & 1 \end{pmatrix} .
# $$
#
# The model has not changed; deviance, fitted values and predicted lines are the same.
# But the variance of the intercepts and the correlation of intercepts and slopes do change, and the correlation can even change its sign.
# So a sentence like "better schools are steeper" needs the addition *better where?*

# %% [raw]
# # BEGIN QUESTION
# name: task3_5

# %% [markdown]
# **Write** `recenter(Psi, c)`, which returns $\Psi'$.
#
# **Apply** it to `exam_fit.Psi`: `exam_Psi_low` is the covariance matrix when reading is measured from -2, `exam_psi11_low` its variance of intercepts, and `exam_corr_low` its correlation of intercepts and slopes.
# Then find `exam_x_lowest`, the reading score at which the schools' lines are closest together, that is, at which $\psi_{11} + 2 x \psi_{21} + x^2 \psi_{22}$ is smallest.

# %%
exam_Psi_low = recenter(exam_fit.Psi, -2)  # SOLUTION 3.5
exam_psi11_low = exam_Psi_low[0, 0]  # SOLUTION 3.5
exam_corr_low = exam_Psi_low[1, 0] / np.sqrt(np.diag(exam_Psi_low).prod())  # SOLUTION 3.5
exam_x_lowest = -exam_psi21 / exam_psi22  # SOLUTION 3.5

# %% [markdown]
# The next cell fits four models: with and without the covariance $\psi_{21}$, each with reading as it is and with reading measured from -2.
# Look which of the deviances stay the same.

# %% tags=["raises-exception"]
low_X = np.column_stack([np.ones(len(exam)), exam["standLRT"] + 2])
for name, Z in [("reading from  0", exam_X), ("reading from -2", low_X)]:
    stats = cross_products(exam_y, exam_X, Z, exam_g)
    free = fit_lmm(exam_y, exam_X, Z, exam_g, reml=False)
    start, options = np.abs(free.theta[[0, 2]]), {"xatol": 1e-6, "fatol": 1e-8}
    fixed = optimize.minimize(
        lambda t, stats=stats: lmm_deviance([t[0], 0.0, t[1]], stats, False),
        start,
        method="Nelder-Mead",
        options=options,
    )
    print(f"{name}:  with covariance {free.deviance:.2f}   without {fixed.fun:.2f}")

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_recenter(recenter):
    from hlmtools import check

    result = recenter([[5.0, -1.0], [-1.0, 1.0]], 2.0)
    check.by_hand(
        result,
        [[5, 1], [1, 1]],
        "recenter([[5, -1], [-1, 1]], 2)",
        "5 - 2*2*1 + 4*1 = 5 for the intercepts, -1 + 2*1 = 1 for the covariance",
    )


# %%
@test_case()
def form_of_the_new_origin(exam_psi11_low, exam_corr_low, exam_x_lowest):
    from hlmtools import check

    check.no_slip("exam_corr_low", exam_corr_low)
    check.no_slip("exam_psi11_low", exam_psi11_low)
    check.no_slip("exam_x_lowest", exam_x_lowest)
    check.number(exam_psi11_low, "exam_psi11_low", low=0)
    check.number(exam_corr_low, "exam_corr_low", low=-1, high=1)
    check.number(exam_x_lowest, "exam_x_lowest", low=-3, high=3)


# %%
@test_case(points=1.5, hidden=True)
def other_origins(recenter):
    from autograder import expect

    Psi = [[3.7, -1.1], [-1.1, 0.8]]
    expect.agrees("recenter", recenter, Psi, 1.5, name="an origin to the right")
    expect.agrees("recenter", recenter, Psi, -4.0, name="an origin to the left")
    there_and_back = recenter(recenter(Psi, 2.7), -2.7)
    expect.close(there_and_back, Psi, name="moving the origin there and back")


# %%
@test_case(points=0.5, hidden=True)
def other_shapes_are_refused(recenter):
    from autograder import expect

    expect.raises(ValueError, recenter, [[4.0]], 1.0, name="a 1 by 1 matrix")
    Psi = [[4.0, 1.0], [1.0, 2.0]]
    expect.raises(ValueError, recenter, Psi, float("inf"), name="an infinite origin")


# %%
@test_case(points=1, hidden=True)
def spread_and_correlation_at_the_new_origin(exam_psi11_low, exam_corr_low, exam_fit):
    import math

    from autograder import expect

    def own():
        return expect.solved().recenter(exam_fit.Psi, -2)

    def correlation():
        return own()[1, 0] / math.sqrt(own()[0, 0] * own()[1, 1])

    expect.quantity("exam_corr_low", exam_corr_low, follows=correlation)
    expect.quantity("exam_psi11_low", exam_psi11_low, follows=lambda: own()[0, 0])


# %%
@test_case(points=0.5, hidden=True)
def where_lines_are_closest(exam_x_lowest, exam_psi21, exam_psi22):
    from autograder import expect

    expect.quantity("exam_x_lowest", exam_x_lowest, follows=lambda: -exam_psi21 / exam_psi22)


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# With the covariance in the model, the origin does not matter.
# Without it, it does: "uncorrelated" is a different hypothesis for every origin, and reading at 11 has no natural zero.
# Leave the covariance out only where the zero of $x$ means something, or by design.
#
# The lines are closest a little more than one standard deviation *below* the average reader.
# To the left of that point schools with steep lines are the lower ones, to the right they are the higher ones, and the correlation of heights and slopes has one sign here and the other there.

# %% [markdown]
# ## 3.6 Test whether slopes differ
# Under the hypothesis that all slopes are equal, $\psi_{22} = 0$, and then $\psi_{21} = 0$ as well: two parameters go.
# One of them is at its boundary.
# By the same argument as in Homework 1, the likelihood-ratio statistic $L = 2(\ell_1 - \ell_0)$ is then, half of the time, like a $\chi^2_1$ variable (only the covariance had something to fit), and half of the time like a $\chi^2_2$ variable:
#
# $$
# p = \tfrac12 P(\chi^2_1 > L) + \tfrac12 P(\chi^2_2 > L) .
# $$
#
# Both models must have the same fixed part and the same method, ML or REML (Stram and Lee 1994).

# %% [raw]
# # BEGIN QUESTION
# name: task3_6

# %% [markdown]
# **Write** `lrt_slope(ll0, ll1)`, which returns the plain tuple `(L, p)`.
# Where $L$ is not above 0, $p$ is 1; a log-likelihood that is missing or infinite raises a `ValueError`.
#
# **Apply** it to the pairs of fits of Task 3.3:
# - `exam_slope_lrt`: the statistic for `exam` (by ML);
# - `hsb_slope_lrt` and `hsb_slope_lrt_p`: statistic and p-value for `hsb` (by REML);
# - `bdf_slope_lrt_p`: the p-value for `bdf` (by ML).

# %%
exam_slope_lrt = lrt_slope(exam_ri.llf, exam_fit.llf)[0]  # SOLUTION 3.6
hsb_slope_lrt = lrt_slope(hsb_ri.llf, hsb_fit.llf)[0]  # SOLUTION 3.6
hsb_slope_lrt_p = lrt_slope(hsb_ri.llf, hsb_fit.llf)[1]  # SOLUTION 3.6
bdf_slope_lrt_p = lrt_slope(bdf_ri.llf, bdf_fit.llf)[1]  # SOLUTION 3.6

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_lrt_slope(lrt_slope):
    from hlmtools import check

    result = lrt_slope(-103.0, -101.079270589)
    assert isinstance(result, tuple), "lrt_slope should return a tuple of two numbers (L, p)."
    assert len(result) == 2, "lrt_slope should return a tuple of two numbers (L, p)."
    check.by_hand(round(result[0], 6), 3.841459, "L", "2 (-101.07927 + 103)")
    check.by_hand(
        round(result[1], 3), 0.098, "p, to three decimals", "(0.050 + 0.147) / 2: 1, 2 df"
    )


# %%
@test_case()
def form_of_the_tests_of_slopes(exam_slope_lrt, hsb_slope_lrt, hsb_slope_lrt_p, bdf_slope_lrt_p):
    from hlmtools import check

    check.no_slip("exam_slope_lrt", exam_slope_lrt)
    check.no_slip("hsb_slope_lrt", hsb_slope_lrt)
    check.no_slip("hsb_slope_lrt_p", hsb_slope_lrt_p)
    check.no_slip("bdf_slope_lrt_p", bdf_slope_lrt_p)
    check.number(exam_slope_lrt, "exam_slope_lrt", low=0)
    check.number(hsb_slope_lrt, "hsb_slope_lrt", low=0)
    check.number(hsb_slope_lrt_p, "hsb_slope_lrt_p", low=0, high=1)
    check.number(bdf_slope_lrt_p, "bdf_slope_lrt_p", low=0, high=1)


# %%
@test_case(points=1, hidden=True)
def mixture_of_two_tails(lrt_slope):
    from autograder import expect

    for ll0, ll1 in [(-512.3, -510.9), (-77.0, -76.98), (40.2, 46.0)]:
        expect.agrees("lrt_slope", lrt_slope, ll0, ll1, name="other log-likelihoods")


# %%
@test_case(points=0.5, hidden=True)
def no_improvement_has_probability_one(lrt_slope):
    from autograder import expect

    expect.agrees("lrt_slope", lrt_slope, -88.25, -88.25, name="two equal log-likelihoods")
    p = lrt_slope(-88.25, -88.2500001)[1]
    expect.close(p, 1.0, name="p where the larger model is worse by rounding")


# %%
@test_case(points=0.5, hidden=True)
def missing_likelihood_is_refused(lrt_slope):
    from autograder import expect

    expect.raises(ValueError, lrt_slope, float("nan"), -10.0, name="a log-likelihood of NaN")
    expect.raises(ValueError, lrt_slope, -10.0, float("inf"), name="an infinite log-likelihood")


# %%
@test_case(points=0.5, hidden=True)
def statistic_of_exam(exam_slope_lrt, exam_ri, exam_fit):
    from autograder import expect

    def own():
        return 2 * (exam_fit.llf - exam_ri.llf)

    expect.quantity("exam_slope_lrt", exam_slope_lrt, follows=own)


# %%
@test_case(points=0.5, hidden=True)
def slopes_of_american_schools(hsb_slope_lrt, hsb_slope_lrt_p, hsb_ri, hsb_fit):
    from autograder import expect

    def own(place):
        return expect.solved().lrt_slope(hsb_ri.llf, hsb_fit.llf)[place]

    expect.quantity("hsb_slope_lrt", hsb_slope_lrt, follows=lambda: own(0))
    expect.quantity("hsb_slope_lrt_p", hsb_slope_lrt_p, follows=lambda: own(1))


# %%
@test_case(points=0.5, hidden=True)
def slopes_of_the_dutch_schools(bdf_slope_lrt_p, bdf_ri, bdf_fit):
    from autograder import expect

    def own():
        return expect.solved().lrt_slope(bdf_ri.llf, bdf_fit.llf)[1]

    expect.quantity("bdf_slope_lrt_p", bdf_slope_lrt_p, follows=own)


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# Slopes differ in all three data sets, by any of the p-values that one might have computed.
# The correct mixture lies between the two ordinary tests, and matters where a p-value is near a threshold.
# A warning for the other case: a p-value above 0.05 does *not* allow you to drop a random slope when its covariate, or an interaction with it, is what you study.
# Task 3.8 shows what happens to standard errors then.

# %% [markdown]
# ## 3.7 Predict the schools' lines
# Given the data, the two coefficients of school $j$ are normally distributed with mean and covariance matrix
#
# $$
# \tilde\zeta_j = \Lambda A_j^{-1} \Lambda' (Z_j'y_j - Z_j'X_j \hat\beta), \qquad
# \operatorname{Var}(\zeta_j \mid y) = \sigma^2 \Lambda A_j^{-1} \Lambda' ,
# $$
#
# with the $A_j = I + \Lambda' Z_j'Z_j \Lambda$ of Task 3.2.
# This is shrinkage as in Homework 1, but of two numbers together: through $\psi_{21}$, what the data say about a school's height also says something about its slope.
# $A_j$ always has an inverse, so even a school with a single pupil gets a predicted line.

# %% [raw]
# # BEGIN QUESTION
# name: task3_7

# %% [markdown]
# **Write** `eb_lmm(fit)`.
# It returns a DataFrame with one row a cluster and the columns `zeta1`, ..., `zetaq` and `se1`, ..., `seq`: predictions and comparative standard errors (square roots of the diagonal of the covariance matrix above).
#
# **Apply** it to `exam_fit`: `exam_predictions` is the table; `eb_59_intercept` and `eb_59_slope` are the predictions of school `"59"`, `eb_48_slope` that of school `"48"`, the one with two pupils; `eb_1_slope_se` is the standard error of the slope of school `"1"`.
#
# **Draw** two pictures.
# 1. *The fan*: `eb_lines`, a DataFrame with the columns `intercept` and `slope` of the schools' **predicted lines** (mean plus deviation), drawn with `draw_lines`; put the schools' own lines of Task 3.1 beside it.
# 2. *A caterpillar plot of the slopes*, with `plots.caterpillar`. It wants the columns `eb` and `comp_se`; take them from `zeta2` and `se2`. Highlight schools `"28"` and `"53"`.
#
# **Read** them: `flattest_own` is the label of the school whose own line has the smallest slope, `flattest_eb` the label of the school whose predicted line has.

# %%
exam_predictions = eb_lmm(exam_fit)  # SOLUTION 3.7
eb_59_intercept = exam_predictions.loc["59", "zeta1"]  # SOLUTION 3.7
eb_59_slope = exam_predictions.loc["59", "zeta2"]  # SOLUTION 3.7
eb_48_slope = exam_predictions.loc["48", "zeta2"]  # SOLUTION 3.7
eb_1_slope_se = exam_predictions.loc["1", "se2"]  # SOLUTION 3.7

# %%
# the fan: own lines on the left, predicted lines on the right
# BEGIN SOLUTION 3.7
eb_lines = exam_predictions[["zeta1", "zeta2"]] + exam_fit.beta
eb_lines.columns = ["intercept", "slope"]
fig, axes = plt.subplots(1, 2, figsize=(10, 4.2), sharey=True, layout="constrained")
draw_lines(exam_lines, axes[0], "own least-squares lines")
draw_lines(eb_lines, axes[1], "predicted lines")
# END SOLUTION

# %%
# the caterpillar plot of the slopes
# BEGIN SOLUTION 3.7
slopes = exam_predictions.rename(columns={"zeta2": "eb", "se2": "comp_se"})
ax = plots.caterpillar(slopes, highlight=["28", "53"], unit="SD of exam per SD of reading")
# END SOLUTION

# %%
flattest_own = exam_lines["slope"].idxmin()  # SOLUTION 3.7
flattest_eb = exam_predictions["zeta2"].idxmin()  # SOLUTION 3.7

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_eb_lmm(eb_lmm):
    import numpy as np
    import pandas as pd

    from hlmtools import check
    from hlmtools.records import CrossProducts, LMMResult

    ones = np.array([[[4.0]], [[1.0]]])
    stats = CrossProducts(
        clusters=pd.Index(["a", "b"]),
        n=np.array([4, 1]),
        ZZ=ones,
        ZX=ones,
        Zy=np.array([[48.0], [5.0]]),
        XX=np.array([[5.0]]),
        Xy=np.array([53.0]),
        yy=610.0,
    )
    fit = LMMResult(
        beta=np.array([10.0]),
        se=np.array([1.5]),
        Psi=np.array([[4.0]]),
        sigma2=16.0,
        theta=np.array([0.5]),
        deviance=30.0,
        reml=True,
        singular=False,
        stats=stats,
    )
    table = eb_lmm(fit)
    check.frame(table, "eb_lmm(...)", columns=["zeta1", "se1"], index=["a", "b"])
    check.by_hand(table["zeta1"], [1, -1], "zeta1", "as in Homework 1: 0.5 (12 - 10), 0.2 (5 - 10)")
    check.by_hand(table["se1"] ** 2, [2, 3.2], "se1 squared", "(1 - 0.5) 4, (1 - 0.2) 4")


# %%
@test_case()
def form_of_the_predictions(
    eb_59_intercept, eb_59_slope, eb_48_slope, eb_1_slope_se, flattest_own, flattest_eb
):
    from hlmtools import check

    check.no_slip("eb_59_intercept", eb_59_intercept)
    check.no_slip("eb_59_slope", eb_59_slope)
    check.no_slip("eb_48_slope", eb_48_slope)
    check.no_slip("eb_1_slope_se", eb_1_slope_se)
    check.number(eb_1_slope_se, "eb_1_slope_se", low=0)
    for label in (flattest_own, flattest_eb):
        assert isinstance(label, str), 'flattest_own and flattest_eb are labels: text such as "59".'


# %%
@test_case(points=1.5, hidden=True)
def predicted_coefficients(eb_lmm):
    import numpy as np

    from autograder import expect
    from hlmtools.simulate import random_slopes

    sizes = [3, 8, 20, 2, 31, 14, 9]
    d = random_slopes([[4, 1], [1, 2]], 4, sizes, beta=(50, 3), seed=3701)
    X = np.column_stack([np.ones(len(d)), d["x"]])
    fit = expect.solved().fit_lmm(d["y"], X, X, d["g"])
    want = expect.solved().eb_lmm(fit)
    expect.agrees("eb_lmm", eb_lmm, fit, name="clusters of different sizes")
    expect.frame(eb_lmm(fit), want, name="the table", columns=["zeta1", "zeta2"])


# %%
@test_case(points=1, hidden=True)
def comparative_standard_errors(eb_lmm):
    import numpy as np

    from autograder import expect
    from hlmtools.simulate import random_slopes

    sizes = [12, 5, 9, 7, 6, 40]
    d = random_slopes([[9, -2], [-2, 3]], 16, sizes, beta=(-5, 3), seed=3702)
    X = np.column_stack([np.ones(len(d)), d["x"], d["x"] ** 2])
    fit = expect.solved().fit_lmm(d["y"], X, X[:, :2], d["g"], reml=False)
    want = expect.solved().eb_lmm(fit)
    expect.frame(eb_lmm(fit), want, name="the table", columns=["se1", "se2"])


# %%
@test_case(points=0.5, hidden=True)
def clusters_with_fewer_units_than_coefficients(eb_lmm):
    import numpy as np

    from autograder import expect
    from hlmtools.simulate import random_slopes

    sizes = [1, 1, 2, 20, 9, 12, 1, 15]
    d = random_slopes([[6, 2], [2, 3]], 2, sizes, beta=(0, 1), seed=3703)
    X = np.column_stack([np.ones(len(d)), d["x"]])
    fit = expect.solved().fit_lmm(d["y"], X, X, d["g"])
    want = expect.solved().eb_lmm(fit)
    expect.frame(eb_lmm(fit), want, name="the table with clusters of one unit")


# %%
@test_case(points=0.5, hidden=True)
def prediction_of_a_low_school(eb_59_intercept, eb_59_slope, exam_fit):
    from autograder import expect

    def own(column):
        return float(expect.solved().eb_lmm(exam_fit).loc["59", column])

    expect.quantity("eb_59_intercept", eb_59_intercept, follows=lambda: own("zeta1"))
    expect.quantity("eb_59_slope", eb_59_slope, follows=lambda: own("zeta2"))


# %%
@test_case(points=0.5, hidden=True)
def prediction_from_two_pupils(eb_48_slope, eb_1_slope_se, exam_fit):
    from autograder import expect

    def own(school, column):
        return float(expect.solved().eb_lmm(exam_fit).loc[school, column])

    expect.quantity("eb_48_slope", eb_48_slope, follows=lambda: own("48", "zeta2"))
    expect.quantity("eb_1_slope_se", eb_1_slope_se, follows=lambda: own("1", "se2"))


# %%
@test_case(points=0.5, hidden=True)
def reading_of_the_lines(flattest_own, flattest_eb):
    from autograder import expect

    expect.true(flattest_own == "48", "flattest_own is not the school with the flattest own line.")
    expect.true(flattest_eb == "28", "flattest_eb is not the school with the flattest prediction.")


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# Look at your pictures before you go on.
#
# - *The fan.* Predicted lines are closer together and more nearly parallel than the schools' own lines, and the falling line of school 48 is gone: its two pupils say next to nothing about a slope, and the prediction is close to the mean of all schools.
# - *The caterpillar.* Of 65 slopes only seven have intervals that leave 0 out, and of these school 53 stands far above. The other schools cannot be told from the average slope one by one, although the test of Task 3.6 leaves no doubt that slopes differ. A variance can be well established when no single cluster is.

# %% [markdown]
# ## 3.8 Explain the slopes
# A standard deviation of slopes is easier to judge as a **range**: 95 percent of the true slopes lie in $\hat\beta_2 \pm 1.96 \sqrt{\hat\psi_{22}}$, and the share of schools with a *negative* slope is $\Phi(-\hat\beta_2 / \sqrt{\hat\psi_{22}})$.
#
# Then one asks *why* slopes differ.
# In the High School and Beyond data, the slope of `cses` says how strongly achievement follows social status within a school: a steep slope is an unequal school.
# Raudenbush and Bryk (2002, Table 4.5) let both coefficients of a school depend on its mean status, `MEANSES`, and on its sector:
#
# $$
# \begin{aligned}
# \beta_{1j} &= \gamma_{00} + \gamma_{01} \mathrm{MEANSES}_j + \gamma_{02} \mathrm{Catholic}_j + \zeta_{1j} \\
# \beta_{2j} &= \gamma_{10} + \gamma_{11} \mathrm{MEANSES}_j + \gamma_{12} \mathrm{Catholic}_j + \zeta_{2j}
# \end{aligned}
# $$
#
# Put these into level 1, and products of a school variable and a pupil variable appear, $\mathrm{MEANSES}_j \cdot x_{ij}$ and $\mathrm{Catholic}_j \cdot x_{ij}$: **cross-level interactions**.
# Your machine fits it as it is; only $X$ gets more columns.

# %% [raw]
# # BEGIN QUESTION
# name: task3_8

# %% [markdown]
# **Write** `slope_range(beta, psi22, level=0.95)`, which returns the plain tuple `(low, high)`, and `p_negative(beta, psi22)`.
# Where `psi22` is 0, all slopes are `beta`, and `p_negative` is 1 or 0.
# A negative variance, or a level that is not between 0 and 1, raises a `ValueError`.
#
# **Apply** them: `exam_slope_range` is the range of the slopes in `exam`, `hsb_p_negative` the share of negative slopes in `hsb`.
#
# **Slopes as outcomes.** `hsb_original` has the original MEANSES, which the published tables need.
# By REML:
# - `table_44`: `MathAch` on `Z_rb` (ones, and SES measured from MEANSES), the same $Z$;
# - `table_45`: `MathAch` on `X_45` below, with $Z$ = `Z_rb`, and from it `cross_meanses` and `cross_sector`, the two cross-level interactions;
# - `slope_share`: the share of the variance of slopes in `table_44` that is gone in `table_45`;
# - `rest_p`: the p-value of the test whether slopes still differ in `table_45`; the model without a random slope is `table_45_ri`.

# %%
rb = load_dataset("hsb_original")
meanses = rb["MEANSES"].to_numpy()
catholic = (rb["Sector"] == "Catholic").to_numpy(dtype=float)
cses = (rb["SES"] - rb["MEANSES"]).to_numpy()
Z_rb = np.column_stack([np.ones(len(rb)), cses])
X_45 = np.column_stack([Z_rb, meanses, catholic, meanses * cses, catholic * cses])

# %%
exam_slope_range = slope_range(exam_slope, exam_psi22)  # SOLUTION 3.8
hsb_p_negative = p_negative(hsb_fit.beta[1], hsb_rs_psi22)  # SOLUTION 3.8

# %%
table_44 = fit_lmm(rb["MathAch"], Z_rb, Z_rb, rb["School"])  # SOLUTION 3.8
table_45 = fit_lmm(rb["MathAch"], X_45, Z_rb, rb["School"])  # SOLUTION 3.8
table_45_ri = fit_lmm(rb["MathAch"], X_45, Z_rb[:, :1], rb["School"])  # SOLUTION 3.8
cross_meanses = table_45.beta[4]  # SOLUTION 3.8
cross_sector = table_45.beta[5]  # SOLUTION 3.8
slope_share = 1 - table_45.Psi[1, 1] / table_44.Psi[1, 1]  # SOLUTION 3.8
rest_p = lrt_slope(table_45_ri.llf, table_45.llf)[1]  # SOLUTION 3.8

# %% [markdown]
# **Look at it.** The next cell draws the mean lines that your `table_45` predicts for four kinds of schools.

# %% tags=["raises-exception"]
kinds = [("public", 0, "-", "#2171b5"), ("Catholic", 1, "--", "#d7301f")]
fig, axes = plt.subplots(1, 2, figsize=(9, 3.8), sharey=True, layout="constrained")
x = np.array([-1.5, 1.5])
for ax, level, title in zip(axes, [-0.4, 0.4], ["poorer school", "richer school"], strict=True):
    for name, sector, style, color in kinds:
        row = [[1, v, level, sector, level * v, sector * v] for v in x]
        ax.plot(x, np.array(row) @ table_45.beta, style, color=color, label=name)
    ax.set(title=f"{title}: MEANSES {level}", xlabel="SES measured from MEANSES (scale points)")
axes[0].set_ylabel("mathematics (test points)")
axes[0].legend(frameon=False)
sns.despine()

# %% [markdown]
# **What if the random slope is left out?** In `exam`, let the slope depend on the intake of the school, `schavg`: fit `normexam` on `exam_X4` by maximum likelihood, once with a random intercept only (`cross_ri`) and once with random intercept and slope (`cross_rs`).
# Give the ratio of estimate and standard error of the interaction in both: `t_equal_slopes` and `t_random_slopes`.

# %%
exam_X4 = np.column_stack([exam_X, exam["schavg"], exam["standLRT"] * exam["schavg"]])

# %%
cross_ri = fit_lmm(exam_y, exam_X4, exam_X[:, :1], exam_g, reml=False)  # SOLUTION 3.8
cross_rs = fit_lmm(exam_y, exam_X4, exam_X, exam_g, reml=False)  # SOLUTION 3.8
t_equal_slopes = cross_ri.beta[3] / cross_ri.se[3]  # SOLUTION 3.8
t_random_slopes = cross_rs.beta[3] / cross_rs.se[3]  # SOLUTION 3.8

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_slope_range(slope_range, p_negative):
    from hlmtools import check

    result = slope_range(1.0, 4.0)
    assert isinstance(result, tuple), "slope_range should return a tuple of two numbers."
    assert len(result) == 2, "slope_range should return a tuple of two numbers."
    check.by_hand(round(result[0], 4), -2.9199, "low of slope_range(1, 4)", "1 - 1.959964 * 2")
    check.by_hand(round(result[1], 4), 4.9199, "high of slope_range(1, 4)", "1 + 1.959964 * 2")
    check.by_hand(round(p_negative(2.0, 4.0), 4), 0.1587, "p_negative(2, 4)", "Phi(-2 / 2)")


# %%
@test_case()
def form_of_the_slopes(exam_slope_range, hsb_p_negative):
    from hlmtools import check

    check.array(exam_slope_range, "exam_slope_range", shape=(2,))
    check.no_slip("exam_slope_range_low", exam_slope_range[0])
    check.no_slip("exam_slope_range_high", exam_slope_range[1])
    check.no_slip("hsb_p_negative", hsb_p_negative)
    check.number(hsb_p_negative, "hsb_p_negative", low=0, high=1)


# %%
@test_case()
def form_of_the_explanation(
    cross_meanses, cross_sector, slope_share, rest_p, t_equal_slopes, t_random_slopes
):
    from hlmtools import check

    check.no_slip("cross_meanses", cross_meanses)
    check.no_slip("cross_sector", cross_sector)
    check.no_slip("slope_share", slope_share)
    check.no_slip("rest_p", rest_p)
    check.no_slip("t_random_slopes", t_random_slopes)
    check.number(slope_share, "slope_share", high=1)
    check.number(rest_p, "rest_p", low=0, high=1)
    check.number(t_equal_slopes, "t_equal_slopes")


# %%
@test_case(points=0.5, hidden=True)
def ranges_at_other_levels(slope_range):
    from autograder import expect

    expect.agrees("slope_range", slope_range, -4.2, 7.3, 0.8, name="a level of 80 percent")
    expect.agrees("slope_range", slope_range, 2.5, 0.09, level=0.99, name="99 percent")
    expect.agrees("slope_range", slope_range, 2.5, 0.0, name="equal slopes")


# %%
@test_case(points=0.5, hidden=True)
def shares_of_negative_slopes(p_negative):
    from autograder import expect

    expect.agrees("p_negative", p_negative, 0.7, 0.3, name="a positive mean")
    expect.agrees("p_negative", p_negative, -1.2, 2.0, name="a negative mean")
    expect.agrees("p_negative", p_negative, 0.7, 0.0, name="equal positive slopes")
    expect.agrees("p_negative", p_negative, -0.7, 0.0, name="equal negative slopes")
    expect.agrees("p_negative", p_negative, 0.0, 0.0, name="slopes that are all 0")


# %%
@test_case(points=0.5, hidden=True)
def impossible_input_is_refused(slope_range, p_negative):
    from autograder import expect

    expect.raises(ValueError, slope_range, 1.0, -2.0, name="a negative variance")
    expect.raises(ValueError, slope_range, 1.0, 2.0, level=95, name="a level of 95")
    expect.raises(ValueError, slope_range, 1.0, 2.0, level=1.0, name="a level of 1")
    expect.raises(ValueError, slope_range, 1.0, 2.0, level=0.0, name="a level of 0")
    expect.raises(ValueError, p_negative, 1.0, -2.0, name="a negative variance")


# %%
@test_case(points=0.5, hidden=True)
def range_of_slopes_in_london(exam_slope_range, exam_slope, exam_psi22):
    from autograder import expect

    def own(end):
        return expect.solved().slope_range(exam_slope, exam_psi22)[end]

    expect.quantity("exam_slope_range_low", exam_slope_range[0], follows=lambda: own(0))
    expect.quantity("exam_slope_range_high", exam_slope_range[1], follows=lambda: own(1))


# %%
@test_case(points=0.5, hidden=True)
def negative_slopes_in_america(hsb_p_negative, hsb_fit, hsb_rs_psi22):
    from autograder import expect

    def own():
        return expect.solved().p_negative(hsb_fit.beta[1], hsb_rs_psi22)

    expect.quantity("hsb_p_negative", hsb_p_negative, follows=own)


# %%
@test_case(points=0.5, hidden=True)
def interactions_across_levels(cross_meanses, cross_sector):
    from autograder import expect

    expect.quantity("cross_meanses", cross_meanses)
    expect.quantity("cross_sector", cross_sector)


# %%
@test_case(points=0.5, hidden=True)
def variance_of_slopes_that_is_left(slope_share, rest_p):
    from autograder import expect

    expect.quantity("slope_share", slope_share)
    expect.quantity("rest_p", rest_p)


# %%
@test_case(points=0.5, hidden=True)
def interaction_with_and_without_a_random_slope(t_equal_slopes, t_random_slopes):
    from autograder import expect

    expect.quantity("t_random_slopes", t_random_slopes)
    expect.quantity("t_equal_slopes", t_equal_slopes)


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# The interaction of reading and intake looks far more certain when the slopes are said to be equal.
# It is a statement about schools, made from 65 of them, and the model without a random slope counts pupils instead.
# A cross-level interaction needs the random slope of its level-1 variable, whatever a test of that slope says.

# %% [markdown]
# ## 3.9 Say it in words
# Three short answers, which your instructor reads.
# Four points each: for the right number with its unit and its level, with what it is conditional on, the assumption that makes it valid, and one limit.
# Three where one of these is missing; two for a right number in a sentence that claims a cause or confuses the levels; one for a direction only; none for the wrong quantity.

# %% [raw]
# # BEGIN QUESTION
# name: task3_9a
# manual: true
# points: 4

# %% [markdown]
# **3.9a Two sectors.**
# A newspaper writes: "Catholic schools are more equal: there, social background costs less."
# Say in four to seven sentences what `cross_sector` and `cross_meanses` say, in their units, and whether they support the newspaper.
# Say also for which schools the coefficient of `cses` itself (2.94 in the published table) is the slope.

# %% [raw]
# # BEGIN SOLUTION

# %% [markdown]
# Between two pupils of the same public school with average MEANSES (0) whose SES differs by one point, the expected difference in mathematics is 2.94 test points: the coefficient of `cses` is the mean slope of that kind of school only.
# In Catholic schools of the same MEANSES the slope is 1.64 points lower, about 1.30 test points for each point of SES, so that within these schools achievement follows social status less closely.
# For each additional point of MEANSES the slope is 1.04 points *higher*, in both sectors: among schools of the same sector, richer schools show the steeper slopes.
# So the description in the newspaper agrees with these data, among schools of equal mean SES.
# The causal word "costs" and the claim that the schools make it so do not follow: sectors differ in whom they admit and who applies, and neither pupils nor schools were assigned to a sector.
# The numbers assume straight lines within schools and that, given MEANSES and sector, the remaining differences of intercepts and slopes have nothing to do with these variables.

# %% [raw]
# # END SOLUTION

# %% [raw]
# # END QUESTION

# %% [raw]
# # BEGIN QUESTION
# name: task3_9b
# manual: true
# points: 4

# %% [markdown]
# **3.9b What was explained, and what is left?**
# Explain your `slope_share` to a colleague in one or two sentences.
# She then says: "And since the test of what is left gives p = `rest_p`, all schools of the same sector and MEANSES have the same slope, and we can drop the random slope."
# Answer her in three to five sentences.

# %% [raw]
# # BEGIN SOLUTION

# %% [markdown]
# Of the variance of the schools' slopes, 0.69 in squared units of the slope (test points per point of SES), MEANSES and sector account for about 85 percent: schools of the same sector and the same MEANSES differ in their slopes with a variance of only 0.10, a standard deviation of 0.32 test points per point of SES.
# It is a share of the variance of *slopes between schools*, not of pupils' achievement, and it describes differences without saying what makes them.
# The test (p = 0.43) says that the data do not show that slopes still differ; it does not show that they are equal.
# With 160 schools of 14 to 67 pupils a slope is known poorly in each, and a standard deviation of 0.3, with 95 percent of the slopes within 0.6 points on either side of their mean, would be missed easily.
# The random slope should stay, because the two interactions are statements about schools, and their standard errors are too small if the slopes are declared equal and are not; in the exam data the ratio of estimate to standard error fell from 4.4 to 2.9 when the random slope came in.

# %% [raw]
# # END SOLUTION

# %% [raw]
# # END QUESTION

# %% [raw]
# # BEGIN QUESTION
# name: task3_9c
# manual: true
# points: 4

# %% [markdown]
# **3.9c A caterpillar for a parent.**
# A parent of a strong reader sees your caterpillar plot of slopes and wants to choose the school with the steepest line, school 53, because "steep is good for strong pupils".
# Answer in four to seven sentences: what the plot shows and what it does not, whether the slope is the right number for this parent, and what you would look at instead.

# %% [raw]
# # BEGIN SOLUTION

# %% [markdown]
# School 53 has a predicted slope of about 0.90 SD of the exam per SD of reading, 0.35 above the mean of schools; its 95 percent interval, about 0.77 to 1.04, lies clearly above the average slope, which is true of few schools.
# Most intervals overlap and hold the average, so the plot shows that a few slopes are unusual, and it cannot rank the schools.
# A slope is a difference between strong and weak readers in one school, and a school can be steep because its weak readers do badly.
# For this parent the height of the line at the child's own reading score is the number to look at, say at $x = 2$: intercept and slope together, with an interval.
# Schools differ more there (standard deviation about 0.47) than at the average reader (0.30), and school 53 happens to be the highest there too.
# All this treats schools as exchangeable with normally distributed lines, and it rests on straight lines out to $x = 2$, where few pupils are; and a high line is no effect of the school on this child, because the pupils of school 53 may differ from others in ways that a reading test at eleven does not show.

# %% [raw]
# # END SOLUTION

# %% [raw]
# # END QUESTION

# %% [markdown]
# ## The answer to the opening question
# Does it matter more for strong readers which school they attend?
#
# In these London data, yes.
# The true mean exam scores of schools have a standard deviation of about 0.28 for very weak readers (two standard deviations below the mean), of 0.30 for average readers and of 0.47 for very strong ones.
# The share of the variance that lies between schools grows from 12 to 29 percent.
# For a strong reader, 95 percent of the schools lie within 0.9 standard deviations on either side of their mean; for a weak one, within 0.5.
# Most of the variance, in both groups, is between pupils of the same school who were equal in reading.
#
# **What this rests on.**
# Straight lines in every school over the whole range; one variance around the line; lines that are normally distributed over exchangeable schools, and have nothing to do with the intake.
# The last is doubtful: with `schavg` in the model the lines of schools with strong intakes are higher and steeper.
# And few pupils are as far out as -2 or 2, so that the ends of the variance function lean on the model's parabola.
#
# **What it does not say.**
# It does not say that schools *do* more for strong readers.
# Schools differ in whom they admit, beyond a reading score at eleven.
# And it is no law: in the Dutch data the differences between schools are largest for the weakest pupils.
#
# You have also written something that will stay with you: a deviance for any linear mixed model with one grouping factor.
# In Homework 5 the clusters will be children, and $x$ will be time.
