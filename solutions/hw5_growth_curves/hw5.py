# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Homework 5. Do gaps in mathematics grow while children go through primary school?
#
# Black and Hispanic children in the United States score lower in mathematics than other children when they enter school, on average.
# What happens then?
# If the groups learn at the same rate, school keeps a gap that others have opened.
# If they learn at different rates, the gap changes under the eyes of the school.
#
# The question is about *change*, so that it needs children who were tested again and again, and a model of how each of them grows.
# In a **growth curve model** every child has a line of its own: a level and a rate.
# You met the model in Homework 3, as random intercept and random slope; new here is that the covariate is *time*.
# That is a small change in the formula and a large one in what can go wrong: the intercept depends on when the clock starts, measurements are missing, and the same child can be a high achiever in one year and an average one in another.
#
# You write the pieces in the file `hlmtools/growth.py` and apply them here.
#
# **How to work.**
# As before: open `hlmtools/growth.py` beside this notebook, replace each line `raise NotImplementedError(...)`, save the file, replace each `...` below by your answer, and run the check under it.
# A check looks at the form of an answer, at one number that you can compute by hand, and at well-known mistakes.
# The values themselves are checked at grading, for the functions on data you have not seen.
#
# Where a check says "notes 5.3", it means section 5.3 of the lecture notes, `notes.ipynb`.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from otter.test_files import test_case  # IGNORE

from hlmtools import load_dataset, simulate
from hlmtools.growth import (
    code_time,
    corr_at,
    corr_int_slope,
    cross_products,
    gap_at,
    growth_design,
    growth_fit,
    growth_profile,
    person_period,
    pseudo_r2,
    shift_time,
    trajectory_eb,
    var_at,
)

sns.set_theme(style="ticks")

# %% [markdown]
# ## The data
# The Sustaining Effects Study tested children in American primary schools once a year.
# The data set `egsingle` holds the mathematics scores of 1721 children in 60 schools; most of the schools serve families of low income.
# Each row is one test of one child.
#
# - `math` is the score, in **scale points** of an item-response scale that is the same in all years, so that scores of a child in different years can be compared;
# - `year` is when the test was taken, in years from the middle of the study: -2.5, -1.5, ..., 2.5;
# - `childid` and `schoolid` are labels;
# - `black` and `hispanic` are 1 for children of that group and 0 otherwise; no child has both, and 276 children have neither.

# %%
egsingle = load_dataset("egsingle")
egsingle[["childid", "schoolid", "year", "math", "black", "hispanic"]].head(6)

# %% [markdown]
# ## The model
# Write $y_{ij}$ for measurement $i$ of child $j$, made at time $t_{ij}$.
#
# **In two stages.**
#
# $$
# \begin{aligned}
# \text{level 1 (measurements):} \quad & y_{ij} = \beta_{1j} + \beta_{2j} t_{ij} + \epsilon_{ij}, & \epsilon_{ij} &\sim N(0, \sigma^2) \\
# \text{level 2 (children):} \quad & \beta_{1j} = \beta_1 + \zeta_{1j}, \quad \beta_{2j} = \beta_2 + \zeta_{2j}, &
# \begin{pmatrix} \zeta_{1j} \\ \zeta_{2j} \end{pmatrix} &\sim N\!\left( \mathbf 0,\ \Psi = \begin{pmatrix} \psi_{11} & \psi_{21} \\ \psi_{21} & \psi_{22} \end{pmatrix} \right)
# \end{aligned}
# $$
#
# **In reduced form**
#
# $$
# y_{ij} = (\beta_1 + \zeta_{1j}) + (\beta_2 + \zeta_{2j})\, t_{ij} + \epsilon_{ij}
# $$
#
# | symbol | meaning | unit |
# |:---|:---|:---|
# | $\beta_1$ | mean level of children at time 0 | scale points |
# | $\beta_2$ | mean rate of growth | scale points a year |
# | $\zeta_{1j}$ | how far child $j$ is above or below the mean level at time 0 | scale points |
# | $\zeta_{2j}$ | how much faster or slower child $j$ grows | scale points a year |
# | $\psi_{11}$ | variance of the levels at time 0 | squared scale points |
# | $\psi_{22}$ | variance of the rates | (scale points a year)² |
# | $\psi_{21}$ | covariance of level at time 0 and rate | (scale points)² a year |
# | $\sigma^2$ | variance of a child's scores around its own line | squared scale points |
#
# **What it assumes.**
#
# 1. *Straight lines.* Each child grows along a line; Task 5.8 asks whether that is so.
# 2. *Independent measurements given the line.* What is left of a score after the child's line is taken off has nothing to do with what is left in other years, and has the same variance in all of them.
# 3. *Exchangeable, independent children.* The lines are draws from one population. (Children of one school are not independent; Task 5.9 asks what that does.)
# 4. *Normality* of lines and errors.
# 5. *Missing at random.* Whether a child is tested may depend on the scores that were seen, and not in addition on those that were not.
#
# Children play the part that schools had in Homeworks 1 to 3, and measurements that of pupils.

# %% [markdown]
# ## 5.1 Lay out the data by person and period
# Data on change come in two layouts.
# *Wide*: one row a person, one column a wave; people find it natural to type.
# *Long*, also called **person-period**: one row a measurement, with a column that says when it was made.
# Models of growth need the long layout.
# There a missing measurement is a row that does not exist, and nobody has to be thrown away because of it.
#
# The cell below lays the scores out wide, as a school district would send them; the column names say nothing about time, so a dictionary does.

# %%
waves = {"wave1": -2.5, "wave2": -1.5, "wave3": -0.5, "wave4": 0.5, "wave5": 1.5, "wave6": 2.5}
egsingle_wide = egsingle.pivot_table(index="childid", columns="year", values="math")
egsingle_wide = egsingle_wide.set_axis(list(waves), axis=1)
egsingle_wide.head(4).round(2)

# %% [markdown]
# The second decision is how to count time.
# From which moment (the *origin*, where $t = 0$), and in which *unit*?
# The intercept is a statement about the origin and the slope one about a step of one unit, so the two choices decide what your coefficients mean.

# %% [raw]
# # BEGIN QUESTION
# name: task5_1

# %% [markdown]
# **Write** `person_period(wide, times, keep=())` and `code_time(t, origin=0.0, unit=1.0)`.
#
# **Apply** them:
# - `egsingle_long`, the long table of `egsingle_wide` (with `waves` as its times); `egsingle_rows`, its number of rows; `egsingle_complete`, the number of children who were tested in all six waves;
# - `egsingle_from_start`, the years of `egsingle` (its column `year`) counted from the first wave, an array;
# - `sleepstudy_week`, the column `Days` of `sleepstudy` in weeks, an array. In that study 18 persons slept little for nine days, and their reaction time was measured every day.
#
# **Draw** a *spaghetti plot*: the lines of 60 children, drawn at random with `np.random.default_rng(5)`, `math` against `year`, with the mean of all children in each year on top.

# %%
egsingle_long = person_period(egsingle_wide, waves)  # SOLUTION 5.1
egsingle_rows = len(egsingle_long)  # SOLUTION 5.1
egsingle_complete = int((egsingle_long.groupby("person").size() == 6).sum())  # SOLUTION 5.1
egsingle_from_start = code_time(egsingle["year"], origin=-2.5)  # SOLUTION 5.1

# %%
sleepstudy = load_dataset("sleepstudy")
sleepstudy_week = code_time(sleepstudy["Days"], unit=7)  # SOLUTION 5.1

# %%
# the spaghetti plot
# BEGIN SOLUTION 5.1
shown = np.random.default_rng(5).choice(egsingle["childid"].unique(), size=60, replace=False)
fig, ax = plt.subplots(figsize=(8, 4.5), layout="constrained")
for _, child in egsingle[egsingle["childid"].isin(shown)].groupby("childid"):
    ax.plot(child["year"], child["math"], color="steelblue", alpha=0.35, linewidth=1)
wave_means = egsingle.groupby("year")["math"].mean()
ax.plot(
    wave_means.index, wave_means, "o-", color="black", linewidth=2.5, label="mean of all tested"
)
ax.set(xlabel="year (from the middle of the study)", ylabel="mathematics (scale points)")
ax.legend(frameon=False)
sns.despine()
# END SOLUTION

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_person_period(person_period):
    import pandas as pd

    from hlmtools import check

    wide = pd.DataFrame(
        {"spring": [12.0, None], "fall": [10.0, 20.0], "girl": [1, 0]}, index=["b", "a"]
    )
    table = person_period(wide, {"spring": 0.5, "fall": 0.0}, keep=["girl"])
    check.frame(table, "person_period(...)", columns=["person", "time", "y", "girl"], rows=3)
    assert list(table["person"]) == ["a", "b", "b"], "Rows are sorted by person, then by time."
    check.by_hand(table["time"], [0, 0, 0.5], "the column time", "a in fall; b in fall and spring")
    check.by_hand(table["y"], [20, 10, 12], "the column y", "a in fall; b in fall and spring")
    check.by_hand(table["girl"], [0, 1, 1], "the column girl", "a once, b in both of its rows")


# %%
@test_case()
def form_of_code_time(code_time):
    from hlmtools import check

    check.by_hand(code_time([24, 30, 36], 24, 12), [0, 0.5, 1], "code_time", "(30 - 24) / 12 = 0.5")


# %%
@test_case()
def form_of_the_long_table(
    egsingle_long, egsingle_rows, egsingle_complete, egsingle_from_start, sleepstudy_week
):
    import numpy as np

    from hlmtools import check

    check.frame(egsingle_long, "egsingle_long", columns=["person", "time", "y"])
    check.no_slip("egsingle_rows", egsingle_rows)
    check.number(egsingle_rows, "egsingle_rows", low=1)
    check.no_slip("egsingle_complete", egsingle_complete)
    check.number(egsingle_complete, "egsingle_complete", low=0)
    check.array(egsingle_from_start, "egsingle_from_start", shape=(7230,))
    check.no_slip("egsingle_from_start", float(np.mean(egsingle_from_start)))
    check.array(sleepstudy_week, "sleepstudy_week", shape=(180,), low=0)


# %%
@test_case(points=1, hidden=True)
def persons_with_gaps_and_traits(person_period):
    import numpy as np
    import pandas as pd

    from autograder import expect

    random = np.random.default_rng(5101)
    scores = random.normal(50, 10, size=(14, 4))
    scores[random.uniform(size=scores.shape) < 0.3] = np.nan
    scores[3] = np.nan
    wide = pd.DataFrame(scores, columns=list("dbca"), index=random.permutation(14) + 100)
    wide["boy"] = random.integers(0, 2, 14)
    times = {"a": 3.0, "b": 1.0, "c": 2.5, "d": 0.0}
    got, want = (
        function(wide, times, ["boy"])
        for function in (person_period, expect.solved().person_period)
    )
    expect.frame(got, want, name="the long table of persons with gaps")


# %%
@test_case(points=0.5, hidden=True)
def text_labels_and_no_traits(person_period):
    import numpy as np
    import pandas as pd

    from autograder import expect

    wide = pd.DataFrame({"y0": [1.0, np.nan, 3.0], "y1": [4.0, 2.5, np.nan]}, ["p", "k", "m"])
    got = person_period(wide, {"y1": 12, "y0": 6})
    want = expect.solved().person_period(wide, {"y1": 12, "y0": 6})
    expect.frame(got, want, name="the long table", columns=["time", "y"])
    expect.true(list(got["person"]) == list(want["person"]), "The persons are not in order.")
    expect.true(list(got.columns) == list(want.columns), "There are columns too many.")


# %%
@test_case(points=0.5, hidden=True)
def impossible_tables_are_refused(person_period):
    import pandas as pd

    from autograder import expect

    twice = pd.DataFrame({"y0": [1.0, 2.0]}, index=["a", "a"])
    expect.raises(ValueError, person_period, twice, {"y0": 0.0}, name="a person with two rows")
    single = pd.DataFrame({"y0": [1.0, 2.0]}, index=["a", "b"])
    expect.raises(ValueError, person_period, single, {"y9": 0.0}, name="an unknown column")


# %%
@test_case(points=1, hidden=True)
def other_origins_and_units(code_time):
    from autograder import expect

    expect.agrees("code_time", code_time, [3.0, 8.5, -2.0], 1.5, 0.25, name="another clock")
    expect.agrees("code_time", code_time, [90, 120, 181], origin=90, unit=30, name="months of days")
    expect.raises(ValueError, code_time, [1.0, 2.0], 0.0, 0.0, name="a unit of 0")


# %%
@test_case(points=0.5, hidden=True)
def rows_of_egsingle(egsingle_rows, egsingle_complete):
    from autograder import expect

    expect.quantity("egsingle_rows", egsingle_rows)
    expect.quantity("egsingle_complete", egsingle_complete)


# %%
@test_case(points=0.5, hidden=True)
def clocks_of_both_studies(egsingle_from_start, sleepstudy_week):
    import numpy as np

    from autograder import expect
    from hlmtools import load_dataset

    expect.quantity("egsingle_from_start", float(np.mean(egsingle_from_start)))
    expect.close(egsingle_from_start, load_dataset("egsingle")["year"] + 2.5, name="the years")
    expect.close(sleepstudy_week, load_dataset("sleepstudy")["Days"] / 7, name="the weeks")


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# Read your picture.
# Nearly everybody grows, by about four scale points over the five years, and lines that start far apart stay apart: there are differences in level.
# Whether there are differences in *rate* is harder to see, because every line also jumps up and down.
# The bundle is somewhat wider on the right than on the left.
#
# Few children have all six tests.
# An analysis of variance for repeated measures, which wants a full row from everybody, would use 3 percent of the children here; and the 52 are not a sample of the others.
#
# There is also a column `grade` in the data, and it looks like a clock.
# It is not: a child who repeats a grade gets a year older and stays in the same grade.
# Grade is partly a result of achievement, and measuring time by a result of what is studied distorts the growth.

# %% [markdown]
# ## 5.2 Fit the growth model
# The model is a linear mixed model with $X$ and $Z$ both holding a column of ones and the time.
# Its deviance is the one you wrote in Homework 3, here by maximum likelihood and computed person by person.
# First the data are summed up once:
#
# $$
# X'X, \quad X'y, \quad y'y \ \text{ over all rows}, \qquad Z_j'Z_j, \quad Z_j'X_j, \quad Z_j'y_j \ \text{ for each child } j .
# $$
#
# $\theta$ fills the lower triangle of $\Lambda$, down the columns as in Homework 3, and $\Psi = \sigma^2 \Lambda\Lambda'$.
# Given $\theta$, everything else has a closed form.
# With $A_j = I + \Lambda' Z_j'Z_j \Lambda$,
#
# $$
# \begin{aligned}
# M &= X'X - \sum_j (\Lambda' Z_j'X_j)' A_j^{-1} (\Lambda' Z_j'X_j), \qquad
# m = X'y - \sum_j (\Lambda' Z_j'X_j)' A_j^{-1} (\Lambda' Z_j'y_j), \\
# \hat\beta &= M^{-1} m, \qquad
# r^2 = y'y - \sum_j (\Lambda' Z_j'y_j)' A_j^{-1} (\Lambda' Z_j'y_j) - \hat\beta' m, \\
# \hat\sigma^2 &= r^2 / N, \qquad \widehat{\operatorname{Cov}}(\hat\beta) = \hat\sigma^2 M^{-1}, \\
# d(\theta) &= \sum_j \log\det A_j + N \left[ 1 + \log \frac{2 \pi r^2}{N} \right] .
# \end{aligned}
# $$
#
# Nothing in it asks that children have the same number of measurements, or the same times.
# We use maximum likelihood and not REML throughout, because later we compare models with different fixed parts.

# %% [raw]
# # BEGIN QUESTION
# name: task5_2

# %% [markdown]
# **Write** `cross_products(y, X, Z, g)`, `growth_profile(theta, cross)` and `growth_fit(y, X, Z, g, correlated=True)`.
# If you kept your functions of Homework 3, start from them.
# Let the minimizer choose the sign of the diagonal of $\Lambda$; a bound at 0 is a place where it can get stuck (notes 5.2).
# The result classes `CrossProducts` (that of Homework 3, with the names of the columns), `GrowthProfile` and `GrowthResult` are imported for you; `help(hlmtools.records)` describes their fields.
#
# **Apply** them to `egsingle`, with the design `egsingle_X` of the first cell as `X` and as `Z`:
# - `egsingle_cross`, its cross-products, and `egsingle_dev_trial`, the deviance at $\theta = (1.5,\ 0.1,\ 0.3)$;
# - `egsingle_fit`, the fit; from it `egsingle_growth` and `egsingle_growth_se` (scale points a year), `egsingle_psi_slope` ($\psi_{22}$) and `egsingle_sigma2`.
#
# **On other data**, each with a random intercept and a random slope:
# - `sleepstudy_fit`, `Reaction` (milliseconds) on your `sleepstudy_week`, and `sleepstudy_slope_week`, the mean change in a week. R's lme4 reports a deviance of 1751.9 for this model, whatever the unit of time;
# - `oxboys_fit`, `height` (centimeters) of 26 boys on `age` (standardized, from -1 to 1), and `oxboys_psi_slope`, its $\psi_{22}$.

# %%
scores, children = egsingle["math"], egsingle["childid"]
egsingle_X = pd.DataFrame({"intercept": 1.0, "year": egsingle["year"]})
egsingle_cross = cross_products(scores, egsingle_X, egsingle_X, children)  # SOLUTION 5.2
egsingle_dev_trial = growth_profile([1.5, 0.1, 0.3], egsingle_cross).deviance  # SOLUTION 5.2
egsingle_fit = growth_fit(scores, egsingle_X, egsingle_X, children)  # SOLUTION 5.2
egsingle_growth = egsingle_fit.beta["year"]  # SOLUTION 5.2
egsingle_growth_se = egsingle_fit.se["year"]  # SOLUTION 5.2
egsingle_psi_slope = egsingle_fit.Psi[1, 1]  # SOLUTION 5.2
egsingle_sigma2 = egsingle_fit.sigma2  # SOLUTION 5.2

# %%
reaction, persons = sleepstudy["Reaction"], sleepstudy["Subject"]
sleepstudy_X = pd.DataFrame({"intercept": 1.0, "week": sleepstudy_week}, sleepstudy.index)
sleepstudy_fit = growth_fit(reaction, sleepstudy_X, sleepstudy_X, persons)  # SOLUTION 5.2
sleepstudy_slope_week = sleepstudy_fit.beta["week"]  # SOLUTION 5.2

# %%
oxboys = load_dataset("oxboys")
oxboys_X = pd.DataFrame({"intercept": 1.0, "age": oxboys["age"]})
oxboys_fit = growth_fit(oxboys["height"], oxboys_X, oxboys_X, oxboys["Subject"])  # SOLUTION 5.2
oxboys_psi_slope = oxboys_fit.Psi[1, 1]  # SOLUTION 5.2

# %% [markdown]
# **Where the truth is known.**
# The next cell simulates 800 children whose mean level at time 0 is -0.8 and whose mean rate is 0.75.
# After a score below -3 a child leaves for good, as if it were moved to another school.
# Who leaves is decided by scores that we have seen, so that the data are *missing at random*.

# %%
truth = {"beta": [-0.8, 0.75], "Psi": [[0.8, 0.065], [0.065, 0.02]], "sigma2": 0.3}
sim = simulate.growth(
    **truth, times=[-2.5, -1.5, -0.5, 0.5, 1.5, 2.5], persons=800, seed=3, leave_below=-3
)
sim_X = pd.DataFrame({"intercept": 1.0, "time": sim["t"]})
sim_complete = (sim.groupby("g")["t"].transform("size") == 6).to_numpy()
print(f"{len(sim)} tests of {sim['g'].nunique()} children")
print(f"{sim.loc[sim_complete, 'g'].nunique()} of them have all six")

# %% [markdown]
# **Fit** the growth model twice: to all rows of `sim`, and to the rows of complete children only (`sim[sim_complete]`, `sim_X[sim_complete]`).
# `sim_level_all` and `sim_level_complete` are the estimated mean levels at time 0.

# %%
# BEGIN SOLUTION 5.2 NO PROMPT
sim_fit_all = growth_fit(sim["y"], sim_X, sim_X, sim["g"])
kept, kept_X = sim[sim_complete], sim_X[sim_complete]
sim_fit_complete = growth_fit(kept["y"], kept_X, kept_X, kept["g"])
# END SOLUTION
sim_level_all = sim_fit_all.beta["intercept"]  # SOLUTION 5.2
sim_level_complete = sim_fit_complete.beta["intercept"]  # SOLUTION 5.2

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_cross_products(cross_products):
    import numpy as np

    from hlmtools import check

    X = np.array([[1.0, 0.0], [1.0, 3.0], [1.0, 1.0]])
    cross = cross_products([2.0, 4.0, 5.0], X, X, ["b", "b", "a"])
    check.by_hand(cross.XX, [[3, 4], [4, 10]], "X'X", "3 rows; 0 + 3 + 1; 0 + 9 + 1")
    check.by_hand(cross.yy, 45, "y'y", "4 + 16 + 25")
    check.by_hand(cross.ZZ[1], [[2, 3], [3, 9]], "Z_b'Z_b", "b stands at times 0 and 3")
    check.by_hand(cross.Zy[1], [6, 12], "Z_b'y_b", "2 + 4; 0*2 + 3*4")
    assert list(cross.clusters) == ["a", "b"], "clusters are the persons, sorted."


# %%
@test_case()
def form_of_growth_profile(growth_profile):
    import math

    import numpy as np
    import pandas as pd

    from hlmtools import check
    from hlmtools.records import CrossProducts

    one = np.ones((1, 1))
    cross = CrossProducts(
        clusters=pd.Index(["a", "b"]),
        n=np.array([1, 1]),
        XX=2 * one,
        Xy=np.array([8.0]),
        yy=40.0,
        ZZ=np.array([[[1.0]], [[1.0]]]),
        ZX=np.array([[[1.0]], [[1.0]]]),
        Zy=np.array([[2.0], [6.0]]),
        x_names=("intercept",),
        z_names=("intercept",),
    )
    profile = growth_profile([1.0], cross)
    check.by_hand(profile.beta, [4], "beta at theta = 1", "one measurement each, 2 and 6: the mean")
    check.by_hand(
        profile.sigma2, 2, "sigma2 at theta = 1", "r2 = 40 - 4/2 - 36/2 - 4*4 = 4, over 2"
    )
    expected = 2 * math.log(2) + 2 * (1 + math.log(2 * math.pi * 2))
    check.by_hand(profile.deviance, expected, "deviance", "2 log 2 + 2 [1 + log(2 pi 2)]")


# %%
@test_case()
def form_of_the_fit_of_egsingle(
    egsingle_dev_trial,
    egsingle_fit,
    egsingle_growth,
    egsingle_growth_se,
    egsingle_psi_slope,
    egsingle_sigma2,
):
    from hlmtools import check

    check.no_slip("egsingle_dev_trial", egsingle_dev_trial)
    check.number(egsingle_fit.deviance, "egsingle_fit.deviance")
    check.no_slip("egsingle_deviance", egsingle_fit.deviance)
    check.no_slip("egsingle_growth", egsingle_growth)
    check.no_slip("egsingle_growth_se", egsingle_growth_se)
    check.number(egsingle_growth_se, "egsingle_growth_se", low=0)
    check.no_slip("egsingle_psi_slope", egsingle_psi_slope)
    check.number(egsingle_psi_slope, "egsingle_psi_slope", low=0)
    check.no_slip("egsingle_sigma2", egsingle_sigma2)
    check.number(egsingle_sigma2, "egsingle_sigma2", low=0)
    check.array(egsingle_fit.Psi, "egsingle_fit.Psi", shape=(2, 2))


# %%
@test_case()
def form_of_the_other_fits(
    sleepstudy_slope_week, oxboys_psi_slope, sim_level_all, sim_level_complete
):
    from hlmtools import check

    check.no_slip("sleepstudy_slope_week", sleepstudy_slope_week)
    check.number(sleepstudy_slope_week, "sleepstudy_slope_week", low=0)
    check.no_slip("oxboys_psi_slope", oxboys_psi_slope)
    check.number(oxboys_psi_slope, "oxboys_psi_slope", low=0)
    check.number(sim_level_all, "sim_level_all")
    check.number(sim_level_complete, "sim_level_complete")


# %%
@test_case(points=1.5, hidden=True)
def sums_by_person(cross_products):
    import pandas as pd

    from autograder import expect
    from hlmtools.simulate import growth

    d = growth([20, 3], [[9, 1], [1, 2]], 4.0, [0, 1, 2, 5], 12, seed=5201, missing=0.3)
    X = pd.DataFrame({"intercept": 1.0, "t": d["t"], "t2": d["t"] ** 2})
    Z = X[["intercept", "t"]]
    got = cross_products(d["y"], X, Z, d["g"])
    want = expect.solved().cross_products(d["y"], X, Z, d["g"])
    for field in ("XX", "Xy", "yy", "ZZ", "ZX", "Zy"):
        expect.close(getattr(got, field), getattr(want, field), name=f"{field} of gappy data")
    same = list(got.clusters) == list(want.clusters)
    expect.true(same, "The clusters are not the labels of the persons.")
    expect.true(tuple(got.x_names) == ("intercept", "t", "t2"), "x_names are the columns of X.")
    single = cross_products([3.0], [[1.0, 2.0]], [[1.0]], ["a"])
    expect.close(single.ZX, [[[1.0, 2.0]]], name="ZX of one measurement")


# %%
@test_case(points=0.5, hidden=True)
def missing_measurement_is_refused(cross_products):
    import numpy as np

    from autograder import expect

    X = [[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]]
    missing = float("nan")
    expect.raises(
        ValueError, cross_products, [1.0, missing, 2.0], X, X, ["a", "a", "b"], name="a NaN in y"
    )
    expect.raises(
        ValueError, cross_products, [1.0, 2.0], X, X, ["a", "a", "b"], name="unequal lengths"
    )
    none = np.empty((0, 2))
    expect.raises(ValueError, cross_products, [], none, none, [], name="no rows at all")


# %%
@test_case(points=2, hidden=True)
def deviance_off_the_optimum(growth_profile):
    import pandas as pd

    from autograder import expect
    from hlmtools.simulate import growth

    d = growth([20, 3], [[9, 1], [1, 2]], 4.0, [-1, 0, 1, 3], 25, seed=5202, missing=0.25)
    X = pd.DataFrame({"intercept": 1.0, "t": d["t"], "t2": d["t"] ** 2})
    cross = expect.solved().cross_products(d["y"], X, X[["intercept", "t"]], d["g"])
    for theta in ([1.0, 0.4, 0.6], [0.2, -0.7, 1.5], [4.0, 1.1, 0.05]):
        expect.agrees(
            "growth_profile",
            growth_profile,
            theta,
            cross,
            fields=("deviance", "sigma2"),
            name="theta away from its best value",
        )
        got, want = growth_profile(theta, cross), expect.solved().growth_profile(theta, cross)
        expect.close(got.beta, want.beta, name="beta at that theta")
        expect.close(got.cov_beta, want.cov_beta, name="cov_beta at that theta")


# %%
@test_case(points=0.5, hidden=True)
def ordinary_regression_at_theta_zero(growth_profile):
    import numpy as np
    import pandas as pd
    from scipy.stats import norm

    from autograder import expect
    from hlmtools.simulate import growth

    d = growth([5, 1], [[2, 0], [0, 1]], 1.0, [0, 1, 2], 20, seed=5203)
    X = pd.DataFrame({"intercept": 1.0, "t": d["t"]})
    cross = expect.solved().cross_products(d["y"], X, X, d["g"])
    slope, level = np.polyfit(d["t"], d["y"], 1)
    residual = d["y"] - level - slope * d["t"]
    pooled = -2 * norm.logpdf(residual, 0, np.sqrt((residual**2).mean())).sum()
    profile = growth_profile([0.0, 0.0, 0.0], cross)
    expect.close(profile.deviance, float(pooled), name="the deviance at theta = 0")
    expect.close(profile.beta, [level, slope], name="beta at theta = 0")
    expect.raises(ValueError, growth_profile, [0.5], cross, name="one number for q = 2")


# %%
@test_case(points=1.5, hidden=True)
def fit_of_persons_with_gaps(growth_fit):
    import pandas as pd

    from autograder import expect
    from hlmtools.simulate import growth

    d = growth([20, 3], [[9, 2], [2, 2]], 4.0, [-2, 0, 1, 3], 80, seed=5204, missing=0.2)
    X = pd.DataFrame({"intercept": 1.0, "t": d["t"]})
    data, name = (d["y"], X, X, d["g"]), "persons with gaps"
    expect.agrees(
        "growth_fit", growth_fit, *data, fields=("deviance",), tolerance="deviance", name=name
    )
    got, want = growth_fit(*data), expect.solved().growth_fit(*data)
    expect.close(got.sigma2, want.sigma2, "variance_component", "sigma2 of the fit")
    expect.close(got.Psi, want.Psi, "variance_component", "Psi of the fit")
    expect.close(got.beta, want.beta, "growth_coefficient", "beta of the fit")
    expect.close(got.cov_beta, want.cov_beta, "variance_component", "cov_beta of the fit")
    late = pd.DataFrame({"intercept": 1.0, "t": d["t"] - 8})
    moved = growth_fit(d["y"], late, late, d["g"])
    expect.close(moved.deviance, want.deviance, "deviance", "the deviance with another origin")


# %%
@test_case(points=0.5, hidden=True)
def forced_to_be_uncorrelated(growth_fit):
    import pandas as pd

    from autograder import expect
    from hlmtools.simulate import growth

    d = growth([20, 3], [[9, 3], [3, 2]], 4.0, [0, 1, 2, 3], 60, seed=5205, missing=0.1)
    X = pd.DataFrame({"intercept": 1.0, "t": d["t"]})
    data = (d["y"], X, X, d["g"])
    got = growth_fit(*data, correlated=False)
    want = expect.solved().growth_fit(*data, correlated=False)
    expect.close(got.deviance, want.deviance, "deviance", "the deviance with correlated=False")
    expect.close(got.Psi, want.Psi, "variance_component", "Psi with correlated=False")


# %%
@test_case(points=0.5, hidden=True)
def fit_that_is_singular(growth_fit):
    import pandas as pd

    from autograder import expect
    from hlmtools.simulate import growth

    d = growth([10, 2], [[4, 0], [0, 0]], 1.0, [0, 1, 2, 3], 30, seed=0, missing=0.2)
    X = pd.DataFrame({"intercept": 1.0, "t": d["t"]})
    fit = growth_fit(d["y"], X, X, d["g"])
    expect.true(bool(fit.singular), "A fit whose Psi has no full rank should say singular=True.")
    d = growth([10, 2], [[4, 1], [1, 3]], 25.0, [0, 1, 2, 3, 4, 5], 60, seed=5206)
    X = pd.DataFrame({"intercept": 1.0, "t": d["t"]})
    fit = growth_fit(d["y"], X, X, d["g"])
    expect.true(not bool(fit.singular), "A fit whose Psi has full rank should say singular=False.")


# %%
@test_case(points=0.5, hidden=True)
def fewest_persons(growth_fit):
    import pandas as pd

    from autograder import expect

    y, g = [1.0, 2.5, 2.0, 7.0, 8.0, 9.5], list("aaabbb")
    X = pd.DataFrame({"intercept": 1.0, "t": [0.0, 1.0, 2.0, 0.0, 1.0, 2.0]})
    Z = X[["intercept"]]
    got, want = growth_fit(y, X, Z, g), expect.solved().growth_fit(y, X, Z, g)
    expect.close(got.deviance, want.deviance, "deviance", "the deviance of two persons")
    expect.raises(ValueError, growth_fit, y[:3], X[:3], Z[:3], g[:3], name="a single person")
    twice = X.assign(months=12 * X["t"])
    expect.raises(ValueError, growth_fit, y, twice, Z, g, name="time in two units")


# %%
@test_case(points=1, hidden=True)
def growth_of_egsingle(
    egsingle_fit, egsingle_growth, egsingle_growth_se, egsingle_psi_slope, egsingle_sigma2
):
    from autograder import expect

    expect.quantity("egsingle_deviance", egsingle_fit.deviance)
    expect.quantity("egsingle_growth", egsingle_growth)
    expect.quantity("egsingle_growth_se", egsingle_growth_se)
    expect.quantity("egsingle_psi_slope", egsingle_psi_slope)
    expect.quantity("egsingle_sigma2", egsingle_sigma2)


# %%
@test_case(points=0.5, hidden=True)
def trial_value_of_theta(egsingle_dev_trial):
    from autograder import expect

    expect.quantity("egsingle_dev_trial", egsingle_dev_trial)


# %%
@test_case(points=0.5, hidden=True)
def drivers_and_boys(sleepstudy_slope_week, oxboys_psi_slope):
    from autograder import expect

    expect.quantity("sleepstudy_slope_week", sleepstudy_slope_week)
    expect.quantity("oxboys_psi_slope", oxboys_psi_slope)


# %%
@test_case(points=0.5, hidden=True)
def children_who_left(sim_level_all, sim_level_complete):
    import pandas as pd

    from autograder import expect
    from hlmtools.simulate import growth

    d = growth(
        [-0.8, 0.75],
        [[0.8, 0.065], [0.065, 0.02]],
        0.3,
        times=[-2.5, -1.5, -0.5, 0.5, 1.5, 2.5],
        persons=800,
        seed=3,
        leave_below=-3,
    )
    complete = d[d.groupby("g")["t"].transform("size") == 6]
    for value, rows in ((sim_level_all, d), (sim_level_complete, complete)):
        X = pd.DataFrame({"intercept": 1.0, "t": rows["t"]})
        want = expect.solved().growth_fit(rows["y"], X, X, rows["g"]).beta["intercept"]
        expect.close(value, float(want), "growth_coefficient", "the level of simulated children")


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# Read your results.
#
# - *The mean line.* Children grow by about three quarters of a scale point a year. One line through all points gives a steeper slope, 0.766: low scorers are overrepresented among the early tests and drop out more often later.
# - *The spread of rates.* The standard deviation of $\zeta_{2j}$ is $\sqrt{0.0214} \approx 0.15$ scale points a year, so that 95 percent of the children grow by between about 0.46 and 1.03 a year. The variance of the slopes of lines fitted child by child would be more than four times as large: with four tests a child, most of it is error.
# - *Simulation.* Fitted to all rows, the model recovers the level of -0.8 within about a standard error, although low scorers left. Fitted to complete children it is far too high. Keeping only complete cases answers a question about other children.

# %% [markdown]
# ## 5.3 Move the origin of time
# At time 0 in the middle of the study, levels have the variance $\psi_{11} \approx 0.83$.
# What was it at the start, five years before the end?
# No new fit is needed.
# With $t' = t - c$ the same line reads $\beta_{1j} + \beta_{2j} t = (\beta_{1j} + c\,\beta_{2j}) + \beta_{2j} t'$: the new intercept is the old line's height at $t = c$.
# So
#
# $$
# \Psi' = A \Psi A', \qquad \beta' = A \beta, \qquad A = \begin{pmatrix} 1 & c \\ 0 & 1 \end{pmatrix},
# $$
#
# or, written out, $\psi'_{11} = \psi_{11} + 2c\,\psi_{21} + c^2 \psi_{22}$, $\ \psi'_{21} = \psi_{21} + c\,\psi_{22}$, $\ \psi'_{22} = \psi_{22}$, $\ \beta'_1 = \beta_1 + c\,\beta_2$.

# %% [raw]
# # BEGIN QUESTION
# name: task5_3

# %% [markdown]
# **Write** `shift_time(Psi, beta, c)`, which returns the plain tuple (new $\Psi$, new $\beta$).
#
# **Apply** it to `egsingle_fit`: `egsingle_at_start`, with the origin moved to year -2.5, and `egsingle_at_end`, with the origin moved to year 2.5.
# Each is the tuple that your function returns.

# %%
egsingle_at_start = shift_time(egsingle_fit.Psi, egsingle_fit.beta, -2.5)  # SOLUTION 5.3
egsingle_at_end = shift_time(egsingle_fit.Psi, egsingle_fit.beta, 2.5)  # SOLUTION 5.3

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_shift_time(shift_time):
    from hlmtools import check

    result = shift_time([[5.0, -1.0], [-1.0, 2.0]], [10.0, 3.0], 2.0)
    assert isinstance(result, tuple), "shift_time should return a tuple (Psi, beta)."
    assert len(result) == 2, "shift_time should return a tuple (Psi, beta)."
    why = "5 + 2*2*(-1) + 4*2 = 9; -1 + 2*2 = 3; 2"
    check.by_hand(result[0], [[9, 3], [3, 2]], "Psi at c = 2", why)
    check.by_hand(result[1], [16, 3], "beta at c = 2", "10 + 2*3; 3")


# %%
@test_case()
def form_of_the_moved_origins(egsingle_at_start, egsingle_at_end):
    from hlmtools import check

    check.array(egsingle_at_start[0], "Psi at the start", shape=(2, 2))
    check.array(egsingle_at_end[0], "Psi at the end", shape=(2, 2))
    check.no_slip("egsingle_cov_start", egsingle_at_start[0][0, 1])
    check.no_slip("egsingle_level_var_start", egsingle_at_start[0][0, 0])
    check.no_slip("egsingle_level_start", egsingle_at_start[1][0])
    check.no_slip("egsingle_level_var_end", egsingle_at_end[0][0, 0])


# %%
@test_case(points=1.5, hidden=True)
def other_lines_and_origins(shift_time):
    from autograder import expect

    Psi, beta = [[7.3, -1.9], [-1.9, 0.8]], [102.0, -4.5]
    for c in (3.5, -0.75, 20.0):
        expect.agrees("shift_time", shift_time, Psi, beta, c, name="other lines")


# %%
@test_case(points=1, hidden=True)
def there_and_back_again(shift_time):
    import numpy as np

    from autograder import expect

    Psi, beta = np.array([[2.5, 0.4], [0.4, 0.3]]), np.array([11.0, 0.6])
    there = shift_time(Psi, beta, 4.2)
    back = shift_time(there[0], there[1], -4.2)
    expect.close(back[0], Psi, name="Psi, moved there and back")
    expect.close(back[1], beta, name="beta, moved there and back")
    expect.close(np.linalg.det(there[0]), np.linalg.det(Psi), name="the determinant of Psi")


# %%
@test_case(points=0.5, hidden=True)
def what_is_no_line_is_refused(shift_time):
    import numpy as np

    from autograder import expect

    expect.raises(ValueError, shift_time, np.eye(3), [1.0, 2.0, 3.0], 1.0, name="a curve")
    expect.raises(ValueError, shift_time, [1.0, 2.0], [1.0, 2.0], 1.0, name="two variances only")
    expect.raises(ValueError, shift_time, np.eye(2), [1.0], 1.0, name="a beta of one number")


# %%
@test_case(points=0.5, hidden=True)
def children_at_the_start(egsingle_at_start, egsingle_fit):
    from autograder import expect

    def own():
        return expect.solved().shift_time(egsingle_fit.Psi, egsingle_fit.beta, -2.5)

    Psi, beta = egsingle_at_start
    expect.quantity("egsingle_cov_start", Psi[0, 1], follows=lambda: own()[0][0, 1])
    expect.quantity("egsingle_level_var_start", Psi[0, 0], follows=lambda: own()[0][0, 0])
    expect.quantity("egsingle_level_start", beta[0], follows=lambda: own()[1][0])


# %%
@test_case(points=0.5, hidden=True)
def children_at_the_end(egsingle_at_end, egsingle_fit):
    from autograder import expect

    def own():
        return expect.solved().shift_time(egsingle_fit.Psi, egsingle_fit.beta, 2.5)[0][0, 0]

    expect.quantity("egsingle_level_var_end", egsingle_at_end[0][0, 0], follows=own)


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# The variance of "the intercept" doubles between the start and the end, from about 0.63 to 1.29, and nothing about the children or the fit has changed.
# The picture shows why: lines that are not parallel spread out, and the intercept variance is the spread at the place where we choose to look.

# %%
drawn = np.random.default_rng(8).multivariate_normal([0, 0], [[0.83, 0.066], [0.066, 0.021]], 60)
moments = np.linspace(-2.5, 2.5, 51)
two_sd = 2 * np.sqrt(0.83 + 2 * moments * 0.066 + moments**2 * 0.021)
fig, ax = plt.subplots(figsize=(8, 4.2), layout="constrained")
ax.fill_between(moments, -two_sd, two_sd, color="lightgray", label="two standard deviations")
for level, rate in drawn:
    ax.plot([-2.5, 2.5], [level - 2.5 * rate, level + 2.5 * rate], color="steelblue", alpha=0.5)
for origin, text in [(-2.5, "origin at the start"), (0, "in the middle"), (2.5, "at the end")]:
    ax.vlines(origin, -3.2, 2.9, color="black", linestyle="--", linewidth=1)
    ax.text(origin, 3.1, text, ha="center")
ax.set(xlabel="year", ylabel="distance from mean line (scale points)")
ax.set(xlim=(-3.5, 3.5), ylim=(-3.2, 3.6))
ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0.15, 0))
sns.despine()

# %% [markdown]
# ## 5.4 Follow variance and correlation over time
# A model of lines is also a model of the variances and correlations of scores in different years.
# From the reduced form, for one child,
#
# $$
# \operatorname{Var}(y \mid t) = \psi_{11} + 2t\,\psi_{21} + t^2 \psi_{22} + \sigma^2,
# \qquad
# \operatorname{Cov}(y_1, y_2 \mid t_1, t_2) = \psi_{11} + (t_1 + t_2)\,\psi_{21} + t_1 t_2\,\psi_{22},
# $$
#
# for two measurements at times $t_1$ and $t_2$, and the correlation is the covariance over the square root of the product of the two variances.
# The variance is a parabola in time, lowest at $t = -\psi_{21}/\psi_{22}$.
# None of this can be chosen freely: three numbers in $\Psi$ and one $\sigma^2$ decide six variances and fifteen correlations.
# That makes the model testable.

# %% [raw]
# # BEGIN QUESTION
# name: task5_4

# %% [markdown]
# **Write** `var_at(t, Psi, sigma2)` and `corr_at(t1, t2, Psi, sigma2)`.
# Times may be one number or arrays.
#
# **Apply** them with the estimates of `egsingle_fit`:
# - `egsingle_var`, the variances at the six `years`, an array;
# - `egsingle_corr_far`, the correlation of the scores at years -2.5 and 2.5, and `egsingle_corr_near`, that of years 1.5 and 2.5;
# - `egsingle_least_var`, the time at which the variance is lowest;
#
# and with those of `oxboys_fit`, `oxboys_var_end`, the variance of heights at age 1, in squared centimeters.
#
# **Draw** the model against the data, in two panels: on the left the variance as a curve from year -2.5 to 2.5, with the observed variances of the six waves (`observed_var`) as dots; on the right the correlation of the score in year 2.5 with the scores in earlier years, as a curve, with the observed correlations (`observed_corr`, years -2.5 to 1.5) as dots.

# %%
years = np.arange(-2.5, 3.0)
observed_var = egsingle.groupby("year")["math"].var()
observed_corr = egsingle_wide.corr()["wave6"].to_numpy()[:5]
pd.DataFrame({"tests": egsingle.groupby("year").size(), "observed variance": observed_var.round(3)})

# %%
egsingle_var = var_at(years, egsingle_fit.Psi, egsingle_fit.sigma2)  # SOLUTION 5.4
egsingle_corr_far = corr_at(-2.5, 2.5, egsingle_fit.Psi, egsingle_fit.sigma2)  # SOLUTION 5.4
egsingle_corr_near = corr_at(1.5, 2.5, egsingle_fit.Psi, egsingle_fit.sigma2)  # SOLUTION 5.4
egsingle_least_var = -egsingle_fit.Psi[0, 1] / egsingle_fit.Psi[1, 1]  # SOLUTION 5.4
oxboys_var_end = var_at(1.0, oxboys_fit.Psi, oxboys_fit.sigma2)  # SOLUTION 5.4

# %%
# variance and correlation, model and data
# BEGIN SOLUTION 5.4
fig, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
fine = np.linspace(-2.5, 2.5, 101)
axes[0].plot(fine, var_at(fine, egsingle_fit.Psi, egsingle_fit.sigma2), label="model")
axes[0].plot(years, observed_var, "o", color="black", label="observed")
axes[0].set(xlabel="year", ylabel="variance (squared scale points)", ylim=(0, None))
earlier = fine[fine <= 1.5]
axes[1].plot(earlier, corr_at(earlier, 2.5, egsingle_fit.Psi, egsingle_fit.sigma2), label="model")
axes[1].plot(years[:5], observed_corr, "o", color="black", label="observed")
axes[1].set(xlabel="year", ylabel="correlation with the score in year 2.5", ylim=(0, 1))
for ax in axes:
    ax.legend(frameon=False)
sns.despine()
# END SOLUTION

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_var_at_and_corr_at(var_at, corr_at):
    from hlmtools import check

    Psi = [[5.0, -1.0], [-1.0, 2.0]]
    check.by_hand(var_at(2.0, Psi, 1.0), 10, "var_at(2, ...)", "5 + 2*2*(-1) + 4*2 + 1")
    check.by_hand(var_at([0, 2], Psi, 1.0), [6, 10], "var_at([0, 2], ...)", "5 + 1; 9 + 1")
    check.by_hand(
        round(corr_at(0.0, 2.0, Psi, 1.0), 6), 0.387298, "corr_at(0, 2, ...)", "(5 - 2) / sqrt(60)"
    )


# %%
@test_case()
def form_of_the_variances(
    egsingle_var, egsingle_corr_far, egsingle_corr_near, egsingle_least_var, oxboys_var_end
):
    from hlmtools import check

    check.array(egsingle_var, "egsingle_var", shape=(6,))
    check.no_slip("egsingle_var_start", egsingle_var[0])
    check.no_slip("egsingle_var_end", egsingle_var[5])
    check.no_slip("egsingle_corr_far", egsingle_corr_far)
    check.number(egsingle_corr_far, "egsingle_corr_far", low=-1, high=1)
    check.no_slip("egsingle_corr_near", egsingle_corr_near)
    check.number(egsingle_corr_near, "egsingle_corr_near", low=-1, high=1)
    check.no_slip("egsingle_least_var", egsingle_least_var)
    check.number(egsingle_least_var, "egsingle_least_var")
    check.no_slip("oxboys_var_end", oxboys_var_end)
    check.number(oxboys_var_end, "oxboys_var_end", low=0)


# %%
@test_case(points=1, hidden=True)
def variance_at_one_time_and_at_many(var_at):
    import numpy as np

    from autograder import expect

    Psi = np.array([[3.2, -0.7], [-0.7, 0.9]])
    expect.agrees("var_at", var_at, 1.7, Psi, 2.1, name="one time")
    expect.agrees("var_at", var_at, 1.7, Psi, 0.0, name="lines without errors")
    expect.agrees("var_at", var_at, np.array([-4.0, 0.0, 0.3, 6.0]), Psi, 2.1, name="many times")


# %%
@test_case(points=1.5, hidden=True)
def correlation_at_other_times(corr_at):
    import numpy as np

    from autograder import expect

    Psi = np.array([[3.2, -0.7], [-0.7, 0.9]])
    expect.agrees("corr_at", corr_at, 0.4, 2.9, Psi, 2.1, name="two times")
    expect.agrees("corr_at", corr_at, -3.0, 2.0, Psi, 0.6, name="times before and after 0")
    expect.agrees("corr_at", corr_at, 1.0, np.array([1.0, 2.0, 5.0]), Psi, 2.1, name="many times")


# %%
@test_case(points=0.5, hidden=True)
def impossible_variance_is_refused(var_at):
    from autograder import expect

    expect.raises(ValueError, var_at, 1.0, [[1.0, 0.0], [0.0, 1.0]], -0.5, name="a negative sigma2")
    expect.raises(ValueError, var_at, 1.0, [1.0, 0.0], 0.5, name="a Psi that is no matrix")


# %%
@test_case(points=0.5, hidden=True)
def variances_of_the_children(egsingle_var, egsingle_fit):
    from autograder import expect

    def own(t):
        return expect.solved().var_at(t, egsingle_fit.Psi, egsingle_fit.sigma2)

    expect.quantity("egsingle_var_start", egsingle_var[0], follows=lambda: own(-2.5))
    expect.quantity("egsingle_var_end", egsingle_var[5], follows=lambda: own(2.5))


# %%
@test_case(points=0.5, hidden=True)
def correlations_of_the_children(egsingle_corr_far, egsingle_corr_near, egsingle_fit):
    from autograder import expect

    def own(t):
        return expect.solved().corr_at(t, 2.5, egsingle_fit.Psi, egsingle_fit.sigma2)

    expect.quantity("egsingle_corr_far", egsingle_corr_far, follows=lambda: own(-2.5))
    expect.quantity("egsingle_corr_near", egsingle_corr_near, follows=lambda: own(1.5))


# %%
@test_case(points=0.5, hidden=True)
def time_of_least_variance(egsingle_least_var, egsingle_fit):
    from autograder import expect

    def own():
        Psi = egsingle_fit.Psi
        return -Psi[0, 1] / Psi[1, 1]

    expect.quantity("egsingle_least_var", egsingle_least_var, follows=own)


# %%
@test_case(points=0.5, hidden=True)
def variance_of_heights(oxboys_var_end, oxboys_fit):
    from autograder import expect

    def own():
        return expect.solved().var_at(1.0, oxboys_fit.Psi, oxboys_fit.sigma2)

    expect.quantity("oxboys_var_end", oxboys_var_end, follows=own)


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# Read your picture.
#
# - *Variance.* The model's variance rises from about 0.93 to 1.59; the lines come closest at year -3.1, before the study began. The observed variances rise as well, but not along the curve: the first dot is far below it. Look at the number of tests: only 131 children were tested in that year, all of them beginners, and their scores are bunched at the low end of the scale. The dots also describe whoever was tested, while the curve describes all children.
# - *Correlation.* Scores that are further apart in time are less alike, because the lines cross. A model with random intercepts only would draw a horizontal line. Most dots follow the curve. The first (52 children who have both tests) lies below it, and the last above it: neighboring years are more alike than lines with independent errors allow. A good or bad spell that lasts from one test to the next would do that, and would break the second assumption; Homework 6 has models for it.

# %% [markdown]
# ## 5.5 Ask who grows faster
# "The rich get richer": do children who know more also learn faster?
# It sounds like a question about the correlation of intercept and slope,
#
# $$
# \rho_{21} = \frac{\psi_{21}}{\sqrt{\psi_{11}\,\psi_{22}}} .
# $$
#
# But the intercept is the level at time 0, and you know from Task 5.3 that $\psi_{11}$ and $\psi_{21}$ change with the origin.

# %% [raw]
# # BEGIN QUESTION
# name: task5_5

# %% [markdown]
# **Write** `corr_int_slope(Psi)`.
#
# **Apply** it to the children of `egsingle`: `egsingle_r_start`, `egsingle_r_middle` and `egsingle_r_end`, with time counted from year -2.5, 0 and 2.5; and to the boys: `oxboys_r`.
#
# **Force the correlation to be zero** with `correlated=False`, once with time 0 in the middle (design `egsingle_X`), once with time counted from the start (design `start_X` below): `egsingle_dev_uncorr_middle` and `egsingle_dev_uncorr_start` are the two deviances.
# Compare them with that of `egsingle_fit` before you read on.

# %%
egsingle_r_start = corr_int_slope(egsingle_at_start[0])  # SOLUTION 5.5
egsingle_r_middle = corr_int_slope(egsingle_fit.Psi)  # SOLUTION 5.5
egsingle_r_end = corr_int_slope(egsingle_at_end[0])  # SOLUTION 5.5
oxboys_r = corr_int_slope(oxboys_fit.Psi)  # SOLUTION 5.5

# %%
start_X = pd.DataFrame({"intercept": 1.0, "time": egsingle_from_start}, egsingle.index)
# BEGIN SOLUTION 5.5 NO PROMPT
uncorr_middle = growth_fit(scores, egsingle_X, egsingle_X, children, correlated=False)
uncorr_start = growth_fit(scores, start_X, start_X, children, correlated=False)
# END SOLUTION
egsingle_dev_uncorr_middle = uncorr_middle.deviance  # SOLUTION 5.5
egsingle_dev_uncorr_start = uncorr_start.deviance  # SOLUTION 5.5

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_corr_int_slope(corr_int_slope):
    from hlmtools import check

    value = corr_int_slope([[4.0, -3.0], [-3.0, 9.0]])
    check.by_hand(value, -0.5, "corr_int_slope of 4, -3, 9", "-3 / (2 * 3)")


# %%
@test_case()
def form_of_the_correlations(
    egsingle_r_start,
    egsingle_r_middle,
    egsingle_r_end,
    oxboys_r,
    egsingle_dev_uncorr_middle,
    egsingle_dev_uncorr_start,
):
    from hlmtools import check

    check.no_slip("egsingle_r_start", egsingle_r_start)
    check.number(egsingle_r_start, "egsingle_r_start", low=-1, high=1)
    check.no_slip("egsingle_r_middle", egsingle_r_middle)
    check.number(egsingle_r_middle, "egsingle_r_middle", low=-1, high=1)
    check.no_slip("egsingle_r_end", egsingle_r_end)
    check.number(egsingle_r_end, "egsingle_r_end", low=-1, high=1)
    check.no_slip("oxboys_r", oxboys_r)
    check.number(oxboys_r, "oxboys_r", low=-1, high=1)
    check.no_slip("egsingle_dev_uncorr_middle", egsingle_dev_uncorr_middle)
    check.number(egsingle_dev_uncorr_middle, "egsingle_dev_uncorr_middle", low=0)
    check.no_slip("egsingle_dev_uncorr_start", egsingle_dev_uncorr_start)
    check.number(egsingle_dev_uncorr_start, "egsingle_dev_uncorr_start", low=0)


# %%
@test_case(points=1, hidden=True)
def correlation_of_other_lines(corr_int_slope):
    from autograder import expect

    expect.agrees("corr_int_slope", corr_int_slope, [[7.3, -1.9], [-1.9, 0.8]], name="other lines")
    expect.agrees("corr_int_slope", corr_int_slope, [[0.02, 0.05], [0.05, 3.0]], name="other lines")


# %%
@test_case(points=0.5, hidden=True)
def what_does_not_vary_is_refused(corr_int_slope):
    from autograder import expect

    no_slopes = [[2.0, 0.0], [0.0, 0.0]]
    expect.raises(ValueError, corr_int_slope, no_slopes, name="slopes that do not vary")


# %%
@test_case(points=1, hidden=True)
def correlation_at_three_origins(egsingle_r_start, egsingle_r_middle, egsingle_r_end, egsingle_fit):
    from autograder import expect

    def own(c):
        Psi = expect.solved().shift_time(egsingle_fit.Psi, egsingle_fit.beta, c)[0]
        return expect.solved().corr_int_slope(Psi)

    expect.quantity("egsingle_r_start", egsingle_r_start, follows=lambda: own(-2.5))
    expect.quantity("egsingle_r_middle", egsingle_r_middle, follows=lambda: own(0.0))
    expect.quantity("egsingle_r_end", egsingle_r_end, follows=lambda: own(2.5))


# %%
@test_case(points=0.5, hidden=True)
def correlation_of_the_boys(oxboys_r, oxboys_fit):
    from autograder import expect

    expect.quantity(
        "oxboys_r", oxboys_r, follows=lambda: expect.solved().corr_int_slope(oxboys_fit.Psi)
    )


# %%
@test_case(points=1, hidden=True)
def deviances_without_correlation(egsingle_dev_uncorr_middle, egsingle_dev_uncorr_start):
    from autograder import expect

    expect.quantity("egsingle_dev_uncorr_middle", egsingle_dev_uncorr_middle)
    expect.quantity("egsingle_dev_uncorr_start", egsingle_dev_uncorr_start)


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# The same children, the same fit, and three answers: hardly any relation of level and growth at the start, a substantial one in the middle, a strong one at the end.
# None is wrong.
# Those who grow faster *become* the high achievers, so that the correlation has to rise with time; "high achievers grow faster" says nothing until it says *when* they were high achievers.
# Far enough back (at which year?) the correlation is zero, and before that negative.
#
# Setting the correlation to zero is a different assumption at each origin.
# With time 0 in the middle it costs about 119 points of deviance, with time 0 at the start about 3.
# The full model has the same deviance at every origin; the one without the correlation has not, so that it should be used only where the origin means something.

# %% [markdown]
# ## 5.6 Let level and growth depend on the group
# Now to the question of the title.
# At level 2, level and rate may depend on a characteristic $w_j$ of the child:
#
# $$
# \beta_{1j} = \beta_1 + \gamma_1 w_j + \zeta_{1j}, \qquad \beta_{2j} = \beta_2 + \gamma_2 w_j + \zeta_{2j} .
# $$
#
# Put together,
#
# $$
# y_{ij} = \beta_1 + \beta_2 t_{ij} + \gamma_1 w_j + \gamma_2 w_j t_{ij} + \zeta_{1j} + \zeta_{2j} t_{ij} + \epsilon_{ij} :
# $$
#
# the effect on the rate is a *product* of time and $w$, a cross-level interaction.
# The gap between children with $w = 1$ and with $w = 0$ is a line in time, and so is known with a standard error that depends on time:
#
# $$
# \mathrm{gap}(t) = \gamma_1 + t\,\gamma_2, \qquad
# \operatorname{se}^2 = \operatorname{Var}(\hat\gamma_1) + 2t \operatorname{Cov}(\hat\gamma_1, \hat\gamma_2) + t^2 \operatorname{Var}(\hat\gamma_2) .
# $$
#
# $\gamma_1$ is the gap at time 0 and at no other time.

# %% [raw]
# # BEGIN QUESTION
# name: task5_6

# %% [markdown]
# **Write** `growth_design(t, W=None)` and `gap_at(fit, level, slope, t)`.
#
# **Apply** them:
# - `groups_X`, the design for `year` (time 0 in the middle) with `black` and `hispanic`, in this order, and `groups_fit`, the fit with `groups_X` as fixed and `egsingle_X` as random part;
# - `groups_growth_gap`, how much faster (or slower, negative) Black children grow than children of neither group, in scale points a year;
# - `groups_gap_start` and `groups_gap_end`, the tuples (gap, standard error) for Black children at years -2.5 and 2.5;
# - `parallel_X`, the first four columns of `groups_X`, and `parallel_fit`, the model in which gaps stay the same; `groups_lrt`, the likelihood-ratio statistic of `groups_fit` against it.
#
# **Draw** mean trajectories by group: the observed mean of each group in each year as dots, and the three mean lines of `groups_fit` from year -2.5 to 2.5.

# %%
groups_X = growth_design(egsingle["year"], egsingle[["black", "hispanic"]])  # SOLUTION 5.6
groups_fit = growth_fit(scores, groups_X, egsingle_X, children)  # SOLUTION 5.6
groups_growth_gap = groups_fit.beta["time:black"]  # SOLUTION 5.6
groups_gap_start = gap_at(groups_fit, "black", "time:black", -2.5)  # SOLUTION 5.6
groups_gap_end = gap_at(groups_fit, "black", "time:black", 2.5)  # SOLUTION 5.6

# %%
parallel_X = groups_X[["intercept", "time", "black", "hispanic"]]  # SOLUTION 5.6
parallel_fit = growth_fit(scores, parallel_X, egsingle_X, children)  # SOLUTION 5.6
groups_lrt = 2 * (groups_fit.llf - parallel_fit.llf)  # SOLUTION 5.6

# %%
# mean trajectories by group
# BEGIN SOLUTION 5.6
group = np.select(
    [egsingle["black"] == 1, egsingle["hispanic"] == 1], ["black", "hispanic"], "neither"
)
observed = egsingle.groupby([group, "year"])["math"].mean()
fig, ax = plt.subplots(figsize=(8, 4.5), layout="constrained")
for name, color in zip(
    ["neither", "hispanic", "black"], sns.color_palette("colorblind"), strict=False
):
    shift = [0, 0] if name == "neither" else groups_fit.beta[[name, f"time:{name}"]].to_numpy()
    ends = np.array([-2.5, 2.5])
    level, rate = groups_fit.beta[["intercept", "time"]].to_numpy() + shift
    ax.plot(ends, level + rate * ends, color=color, label=name)
    ax.plot(observed[name].index, observed[name], "o", color=color)
ax.set(xlabel="year", ylabel="mathematics (scale points)")
ax.legend(title="group (lines: model, dots: observed)", frameon=False)
sns.despine()
# END SOLUTION

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_growth_design(growth_design):
    import pandas as pd

    from hlmtools import check

    W = pd.DataFrame({"girl": [1, 1, 0], "age": [7, 7, 9]}, index=[4, 8, 2])
    table = growth_design([0.0, 2.0, 3.0], W)
    names = ["intercept", "time", "girl", "age", "time:girl", "time:age"]
    check.frame(table, "growth_design(...)", columns=names, rows=3)
    assert list(table.columns) == names, f"The columns should be {names}, in this order."
    check.by_hand(table["time:age"], [0, 14, 27], "the column time:age", "0*7, 2*7, 3*9")


# %%
@test_case()
def form_of_gap_at(gap_at):
    import numpy as np
    import pandas as pd

    from hlmtools import check
    from hlmtools.records import GrowthResult

    names = ["girl", "time:girl"]
    cov = pd.DataFrame([[0.16, 0.03], [0.03, 0.01]], index=names, columns=names)
    beta = pd.Series([2.0, -0.5], index=names)
    result = gap_at(GrowthResult(beta, cov, np.eye(2), 1.0, 10.0, False, None), *names, 2.0)
    assert isinstance(result, tuple), "gap_at should return a tuple (gap, standard error)."
    check.by_hand(result[0], 1, "gap at t = 2", "2 + 2*(-0.5)")
    check.by_hand(round(result[1], 6), 0.565685, "its se", "sqrt(0.16 + 2*2*0.03 + 4*0.01)")


# %%
@test_case()
def form_of_the_gaps(groups_fit, groups_growth_gap, groups_gap_start, groups_gap_end, groups_lrt):
    from hlmtools import check

    check.number(groups_fit.deviance, "groups_fit.deviance")
    check.no_slip("groups_deviance", groups_fit.deviance)
    check.no_slip("groups_growth_gap", groups_growth_gap)
    check.number(groups_growth_gap, "groups_growth_gap")
    check.array(groups_gap_start, "groups_gap_start", shape=(2,))
    check.array(groups_gap_end, "groups_gap_end", shape=(2,))
    check.no_slip("groups_gap_start", groups_gap_start[0])
    check.no_slip("groups_gap_start_se", groups_gap_start[1])
    check.no_slip("groups_gap_end", groups_gap_end[0])
    check.no_slip("groups_gap_end_se", groups_gap_end[1])
    check.no_slip("groups_lrt", groups_lrt)
    check.number(groups_lrt, "groups_lrt", low=0)


# %%
@test_case(points=1.5, hidden=True)
def design_of_other_traits(growth_design):
    import numpy as np
    import pandas as pd

    from autograder import expect

    random = np.random.default_rng(5601)
    W = pd.DataFrame({"a": random.normal(size=9), "b": random.integers(0, 2, 9)})
    t = random.uniform(-1, 3, 9)
    got, want = growth_design(t, W[::-1]), expect.solved().growth_design(t, W[::-1])
    expect.frame(got, want, name="the design for rows with another index")
    expect.true(list(got.columns) == list(want.columns), "The columns are not in the right order.")


# %%
@test_case(points=0.5, hidden=True)
def design_without_traits(growth_design):
    import pandas as pd

    from autograder import expect

    want = expect.solved().growth_design([1.0, 4.0])
    expect.frame(growth_design([1.0, 4.0]), want, name="the design without characteristics")
    W = pd.DataFrame({"a": [1.0, 2.0, 3.0]})
    expect.raises(ValueError, growth_design, [1.0, 4.0], W, name="unequal lengths")


# %%
@test_case(points=1.5, hidden=True)
def gaps_of_another_fit(gap_at):
    from autograder import expect
    from hlmtools.simulate import growth

    d = growth([20, 3], [[9, 2], [2, 2]], 4.0, [0, 1, 2, 3], 50, seed=5602, missing=0.2)
    W = (d["g"] > "c25").astype(float).to_frame("late")
    solved = expect.solved()
    X = solved.growth_design(d["t"], W)
    fit = solved.growth_fit(d["y"], X, X[["intercept", "time"]], d["g"])
    for t in (0.0, 1.5, -2.0, 3.0):
        expect.agrees("gap_at", gap_at, fit, "late", "time:late", t, name="another fit")
    expect.raises(ValueError, gap_at, fit, "early", "time:late", 0.0, name="an unknown coefficient")


# %%
@test_case(points=1, hidden=True)
def growth_of_the_groups(groups_fit, groups_growth_gap):
    from autograder import expect

    expect.quantity("groups_deviance", groups_fit.deviance)
    expect.quantity("groups_growth_gap", groups_growth_gap)


# %%
@test_case(points=1, hidden=True)
def gaps_of_the_groups(groups_gap_start, groups_gap_end, groups_fit):
    from autograder import expect

    def own(t, place):
        fit, names = groups_fit, ["black", "time:black"]
        weights = [1.0, t]
        gap = weights @ fit.beta[names].to_numpy()
        return (
            gap
            if place == 0
            else (weights @ fit.cov_beta.loc[names, names].to_numpy() @ weights) ** 0.5
        )

    expect.quantity("groups_gap_start", groups_gap_start[0], follows=lambda: own(-2.5, 0))
    expect.quantity("groups_gap_start_se", groups_gap_start[1], follows=lambda: own(-2.5, 1))
    expect.quantity("groups_gap_end", groups_gap_end[0], follows=lambda: own(2.5, 0))
    expect.quantity("groups_gap_end_se", groups_gap_end[1], follows=lambda: own(2.5, 1))


# %%
@test_case(points=0.5, hidden=True)
def test_of_equal_growth(groups_lrt):
    from autograder import expect

    expect.quantity("groups_lrt", groups_lrt)


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# Read your results.
#
# - At the start Black children are about half a scale point below the children of neither group, at the end about one point: the gap doubles, because they grow by 0.11 points a year less. Two standard errors of that difference in rates are 0.03.
# - The likelihood-ratio statistic has two degrees of freedom (two products); a $\chi^2_2$ variable exceeds 14 once in a thousand times.
# - For Hispanic children the coefficient of the product is -0.022 with a standard error of the same size: their gap of a little more than half a point hardly changes, and a small change in either direction is compatible with the data.
# - The coefficient of `black` in the printout, -0.77, is the gap in the *middle* of the study. With time counted from the start the same model would show another number there. A table of coefficients without the origin of time cannot be read.
# - In the picture the dots of the first year lie below the lines. Straight lines miss that the growth is faster at first; Task 5.8 returns to it.

# %% [markdown]
# ## 5.7 Say how much the groups account for
# How much of the differences between children goes together with the group?
# The usual measure compares the variances of the model without and with the characteristics,
#
# $$
# R^2_k = 1 - \frac{\psi_{kk}^{(1)}}{\psi_{kk}^{(0)}}, \qquad k = 1 \text{ (level)}, \ 2 \text{ (rate)} ,
# $$
#
# called *pseudo* $R^2$, because it can fall below zero: a new covariate may shift variance from one level to the other.

# %% [raw]
# # BEGIN QUESTION
# name: task5_7

# %% [markdown]
# **Write** `pseudo_r2(Psi0, Psi1)`, which returns a plain tuple with one number a random coefficient.
#
# **Apply** it: `groups_r2`, for `groups_fit` against `egsingle_fit`; and `groups_r2_end`, the one number for the level at the *end* of the study, year 2.5.

# %%
groups_r2 = pseudo_r2(egsingle_fit.Psi, groups_fit.Psi)  # SOLUTION 5.7

# %%
groups_r2_end = ...
# BEGIN SOLUTION 5.7
groups_psi_end = shift_time(groups_fit.Psi, groups_fit.beta[["intercept", "time"]], 2.5)[0]
groups_r2_end = pseudo_r2(egsingle_at_end[0], groups_psi_end)[0]
# END SOLUTION

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_pseudo_r2(pseudo_r2):
    from hlmtools import check

    result = pseudo_r2([[10.0, 1.0], [1.0, 4.0]], [[7.0, 2.0], [2.0, 5.0]])
    assert isinstance(result, tuple), "pseudo_r2 should return a tuple."
    check.by_hand(result, [0.3, -0.25], "pseudo_r2", "1 - 7/10; 1 - 5/4")


# %%
@test_case()
def form_of_the_reductions(groups_r2, groups_r2_end):
    from hlmtools import check

    check.array(groups_r2, "groups_r2", shape=(2,))
    check.no_slip("groups_r2_level", groups_r2[0])
    check.no_slip("groups_r2_growth", groups_r2[1])
    check.no_slip("groups_r2_end", groups_r2_end)
    check.number(groups_r2_end, "groups_r2_end", high=1)


# %%
@test_case(points=1, hidden=True)
def reduction_in_other_models(pseudo_r2):
    import numpy as np

    from autograder import expect

    before, after = [[8.1, 0.3], [0.3, 2.2]], [[5.9, 0.1], [0.1, 2.9]]
    expect.agrees("pseudo_r2", pseudo_r2, before, after, name="a variance that grew")
    expect.agrees(
        "pseudo_r2", pseudo_r2, np.diag([4.0, 3.0, 2.0]), np.diag([1.0, 2.0, 1.9]), name="curves"
    )


# %%
@test_case(points=0.5, hidden=True)
def nothing_to_reduce_is_refused(pseudo_r2):
    from autograder import expect

    flat, two = [[1.0, 0.0], [0.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]]
    expect.raises(ValueError, pseudo_r2, flat, two, name="a variance of 0 to begin with")
    expect.raises(ValueError, pseudo_r2, two, [[1.0]], name="two shapes")


# %%
@test_case(points=1, hidden=True)
def reduction_in_the_middle(groups_r2, egsingle_fit, groups_fit):
    from autograder import expect

    def own(place):
        return expect.solved().pseudo_r2(egsingle_fit.Psi, groups_fit.Psi)[place]

    expect.quantity("groups_r2_level", groups_r2[0], follows=lambda: own(0))
    expect.quantity("groups_r2_growth", groups_r2[1], follows=lambda: own(1))


# %%
@test_case(points=0.5, hidden=True)
def reduction_at_the_end(groups_r2_end, egsingle_fit, groups_fit):
    from autograder import expect

    def own():
        moved = [
            expect.solved().shift_time(fit.Psi, [0.0, 0.0], 2.5)[0]
            for fit in (egsingle_fit, groups_fit)
        ]
        return expect.solved().pseudo_r2(*moved)[0]

    expect.quantity("groups_r2_end", groups_r2_end, follows=own)


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# The groups go together with about a tenth of the variance of levels in the middle of the study, and with about a tenth of the variance of rates.
# At the end the share for the level is larger, at the start it would be smaller: this number has an origin, too.
# Nine tenths of the differences between children lie *within* the groups.

# %% [markdown]
# ## 5.8 Draw each child's trajectory, and ask whether it is a line
# For a single child, empirical Bayes gives the best guess of its line:
#
# $$
# \tilde\zeta_j = (\hat\sigma^2 I + \hat\Psi Z_j'Z_j)^{-1}\, \hat\Psi\, Z_j'(y_j - X_j \hat\beta) .
# $$
#
# It is the shrinkage of Homework 1 in two dimensions: level and rate are shrunk together, and the little that is known of one helps to guess the other.
# With two measurements the child's own line fits its points without error and is worth little; the prediction leans on the other children.

# %% [raw]
# # BEGIN QUESTION
# name: task5_8

# %% [markdown]
# **Write** `trajectory_eb(fit)`.
#
# **Apply** it to `egsingle_fit`:
# - `egsingle_eb`, the table;
# - `child_level` and `child_slope`, the predicted deviations of child `"309364181"` in level (scale points) and rate (scale points a year);
# - `child_rate`, that child's predicted rate (mean rate plus deviation), and `child_end`, the height of its predicted line at year 2.5.
#
# **Draw** the children of `nine` below in nine panels: their scores as dots, the line through their own points (`np.polyfit`) dashed, and their predicted line solid.
#
# **Bend the mean line**: add the square of `year` to the fixed part, with the random part as before.
# `curve_X` has the columns `intercept`, `year` and `year2`; `curve_fit` is the fit, `egsingle_curvature` the coefficient of `year2`, and `egsingle_curve_lrt` the likelihood-ratio statistic against `egsingle_fit`.

# %%
egsingle_eb = trajectory_eb(egsingle_fit)  # SOLUTION 5.8
child_level = egsingle_eb.loc["309364181", "intercept"]  # SOLUTION 5.8
child_slope = egsingle_eb.loc["309364181", "year"]  # SOLUTION 5.8
child_rate = egsingle_fit.beta["year"] + child_slope  # SOLUTION 5.8
child_end = egsingle_fit.beta["intercept"] + child_level + 2.5 * child_rate  # SOLUTION 5.8

# %%
nine = [
    "309364181", "280286953", "298765251",
    "304306382", "289370593", "302057742",
    "273026452", "227564191", "283490171",
]  # fmt: skip

# %%
# nine children
# BEGIN SOLUTION 5.8
fig, axes = plt.subplots(3, 3, figsize=(9, 7.5), sharex=True, sharey=True, layout="constrained")
ends = np.array([-2.5, 2.5])
for ax, child in zip(axes.flat, nine, strict=True):
    tests = egsingle[egsingle["childid"] == child]
    own_rate, own_level = np.polyfit(tests["year"], tests["math"], 1)
    level, rate = egsingle_fit.beta.to_numpy() + egsingle_eb.loc[child].to_numpy()
    ax.plot(ends, own_level + own_rate * ends, "--", color="gray", label="own line")
    ax.plot(ends, level + rate * ends, color="C0", label="predicted line")
    ax.plot(tests["year"], tests["math"], "o", color="black")
    ax.set_title(f"{child}: {len(tests)} tests", fontsize=10)
axes[0, 0].legend(frameon=False, fontsize=8)
fig.supxlabel("year")
fig.supylabel("mathematics (scale points)")
sns.despine()
# END SOLUTION

# %%
curve_X = ...
# BEGIN SOLUTION 5.8
curve_X = egsingle_X.assign(year2=egsingle["year"] ** 2)
# END SOLUTION
curve_fit = growth_fit(scores, curve_X, egsingle_X, children)  # SOLUTION 5.8
egsingle_curvature = curve_fit.beta["year2"]  # SOLUTION 5.8
egsingle_curve_lrt = 2 * (curve_fit.llf - egsingle_fit.llf)  # SOLUTION 5.8

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_trajectory_eb(trajectory_eb):
    import numpy as np
    import pandas as pd

    from hlmtools import check
    from hlmtools.records import CrossProducts, GrowthResult

    names = ("intercept", "time")
    cross = CrossProducts(
        clusters=pd.Index(["a", "b"]),
        n=np.array([2, 1]),
        XX=np.diag([3.0, 2.0]),
        Xy=np.array([9.0, 0.0]),
        yy=45.0,
        ZZ=np.array([np.diag([2.0, 2.0]), np.diag([1.0, 0.0])]),
        ZX=np.array([np.diag([2.0, 2.0]), np.diag([1.0, 0.0])]),
        Zy=np.array([[4.0, 8.0], [5.0, 0.0]]),
        x_names=names,
        z_names=names,
    )
    beta = pd.Series([1.0, 0.0], index=list(names))
    fit = GrowthResult(beta, pd.DataFrame(np.eye(2)), np.eye(2), 2.0, 9.0, False, cross)
    table = trajectory_eb(fit)
    check.frame(table, "trajectory_eb(...)", columns=names, index=["a", "b"])
    why = "residual sums 4 - 2 = 2 and 8, over 2 + 2"
    check.by_hand(table.loc["a"], [0.5, 2], "the prediction of a", why)
    check.by_hand(table["intercept"].iloc[1], 4 / 3, "the intercept of b", "(5 - 1) / (2 + 1)")


# %%
@test_case()
def form_of_the_trajectories(egsingle_eb, child_level, child_slope, child_end):
    from hlmtools import check

    check.frame(egsingle_eb, "egsingle_eb", columns=["intercept", "year"], rows=1721)
    check.no_slip("child_level", child_level)
    check.no_slip("child_slope", child_slope)
    check.no_slip("child_end", child_end)
    check.number(child_end, "child_end")


# %%
@test_case()
def form_of_the_curve(curve_fit, egsingle_curvature, egsingle_curve_lrt):
    from hlmtools import check

    check.number(curve_fit.deviance, "curve_fit.deviance", low=0)
    check.no_slip("egsingle_curvature", egsingle_curvature)
    check.number(egsingle_curvature, "egsingle_curvature")
    check.no_slip("egsingle_curve_lrt", egsingle_curve_lrt)
    check.number(egsingle_curve_lrt, "egsingle_curve_lrt", low=0)


# %%
@test_case(points=1.5, hidden=True)
def predictions_of_persons_with_gaps(trajectory_eb):
    from autograder import expect
    from hlmtools.simulate import growth

    d = growth([20, 3], [[9, 2], [2, 2]], 4.0, [-1, 0, 1, 3], 40, seed=5801, missing=0.4)
    solved = expect.solved()
    X = solved.growth_design(d["t"])
    fit = solved.growth_fit(d["y"], X, X, d["g"])
    expect.agrees("trajectory_eb", trajectory_eb, fit, name="persons with few measurements")
    expect.frame(trajectory_eb(fit), solved.trajectory_eb(fit), name="the predictions")


# %%
@test_case(points=0.5, hidden=True)
def prediction_where_slopes_do_not_vary(trajectory_eb):
    import dataclasses

    import numpy as np

    from autograder import expect
    from hlmtools.simulate import growth

    d = growth([20, 3], [[9, 0], [0, 0]], 4.0, [0, 1, 2], 15, seed=5802, missing=0.3)
    solved = expect.solved()
    X = solved.growth_design(d["t"])
    fit = solved.growth_fit(d["y"], X, X, d["g"])
    singular = dataclasses.replace(fit, Psi=np.array([[9.0, 3.0], [3.0, 1.0]]), singular=True)
    expect.agrees("trajectory_eb", trajectory_eb, singular, name="a singular Psi")


# %%
@test_case(points=1, hidden=True)
def trajectory_of_one_child(child_level, child_slope, child_end, egsingle_fit, egsingle_eb):
    from autograder import expect

    def own(column):
        return float(expect.solved().trajectory_eb(egsingle_fit).loc["309364181", column])

    def own_end():
        level, slope = egsingle_fit.beta
        deviation = egsingle_eb.loc["309364181"]
        return (level + deviation["intercept"]) + 2.5 * (slope + deviation["year"])

    expect.quantity("child_level", child_level, follows=lambda: own("intercept"))
    expect.quantity("child_slope", child_slope, follows=lambda: own("year"))
    expect.quantity("child_end", child_end, follows=own_end)


# %%
@test_case(points=1, hidden=True)
def bend_of_the_mean_line(egsingle_curvature, egsingle_curve_lrt):
    from autograder import expect

    expect.quantity("egsingle_curvature", egsingle_curvature)
    expect.quantity("egsingle_curve_lrt", egsingle_curve_lrt)


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# Read your results.
#
# - *Nine children.* Dashed lines go steeply up or down where a child has two or three tests; solid lines are nearly parallel. The rates are shrunk much more than the levels, because a rate is hard to know from a few tests in a few years. Child 309364181 gained 3.28 points between its only two tests, two years apart; its predicted rate is 0.77 a year, hardly above the mean.
# - *The curve.* The coefficient of the square is negative and the deviance falls by about 139 for one parameter: growth slows down. The slope of the mean curve, $\hat\beta_2 + 2\hat\beta_3 t$, is about 1.00 scale points a year at the start and 0.56 at the end. A line is a fair summary of the five years and a poor description of the first and the last of them. In particular it puts the level at the start at -2.70, the curve at -2.99.
# - *The boys.* Heights are measured almost without error, so that there shrinkage would hardly move a line.

# %% [markdown]
# ## 5.9 Say it in words
# Three short answers, which your instructor reads.
# Four points each: for the right numbers with their unit and their level, with what they are conditional on, the assumption that makes them valid, and one limit.
# Three where one of these is missing; two for a right number in a sentence that claims a cause or confuses the levels; one for a direction only; none for the wrong quantity.
#
# **For 5.9a.** The 1721 children went to 60 schools.
# The table shows the growth model of Task 5.2 beside one with a third level, in which schools also have a level and a rate of their own (fitted with R's lme4, maximum likelihood, time 0 in the middle).
# Rodriguez (in the notes of his course at Princeton) has the same fit with three levels, from Stata.

# %%
two_and_three = [
    ("deviance", "16748", "16326"),
    ("mean level at year 0 (scale points)", "-0.836", "-0.779"),
    ("    its standard error", "0.023", "0.058"),
    ("mean rate (scale points a year)", "0.747", "0.763"),
    ("    its standard error", "0.0063", "0.0153"),
    ("variance of levels between schools", "", "0.165"),
    ("variance of rates between schools", "", "0.0110"),
    ("variance of levels between children (of a school)", "0.826", "0.640"),
    ("variance of rates between children (of a school)", "0.0214", "0.0113"),
    ("variance within children", "0.301", "0.301"),
]
pd.DataFrame(two_and_three, columns=["", "two levels", "three levels"]).set_index("")

# %% [markdown]
# **For 5.9b.** The next table looks at the children who were tested in year -0.5, by the year of their last test.

# %%
last_year = egsingle.groupby("childid")["year"].transform("max").rename("last tested in year")
in_middle = egsingle[egsingle["year"] == -0.5]
in_middle.groupby(last_year)["math"].agg(["size", "mean"]).set_axis(
    ["children", "mean score in year -0.5"], axis=1
).round(2)

# %% [raw]
# # BEGIN QUESTION
# name: task5_9a
# manual: true
# points: 4

# %% [markdown]
# **5.9a Where did the variance go?**
# From two levels to three, the variance of levels between children falls from 0.826 to 0.640, and the standard error of the mean rate more than doubles.
# Explain both, and say which share of the differences between children in level, and in rate, lies between schools.
# Five to eight sentences.

# %% [raw]
# # BEGIN SOLUTION

# %% [markdown]
# In the model with two levels, differences between children mix two things: children of one school differ, and schools differ.
# With a third level the variance of levels at year 0 splits into 0.640 squared scale points between children of the same school and 0.165 between schools; together 0.805, about the 0.826 there was before.
# So about 20 percent of the variance of levels (0.165 of 0.805) and about half of the variance of rates (0.0110 of 0.0223, in squared units of the rate) lie between schools: schools differ moderately in where their children stand in the middle of the study and a great deal, relative to children of a school, in how fast they grow.
# The variance within children, 0.301, stays, because nothing has changed at the level of measurements.
# The standard error of the mean rate grows from 0.0063 to 0.0153, because children of one school are alike in their growth: the mean is known from 60 schools and not from 1721 independent children, and the smaller standard error was wrong.
# The deviance falls by about 422 for three more parameters, far more than chance.
# This assumes that schools are exchangeable draws from a population, with normal levels and rates; and it says where differences lie, not that schools cause them, for neighborhoods and families differ between schools, too.
# The shares belong to year 0: at another origin the share for the level would be another.

# %% [raw]
# # END SOLUTION

# %% [raw]
# # END QUESTION

# %% [raw]
# # BEGIN QUESTION
# name: task5_9b
# manual: true
# points: 4

# %% [markdown]
# **5.9b Children who are not tested to the end.**
# Most children lack tests, and some leave the study early.
# Which assumption about the missing tests does the growth model of Task 5.2 need, does the table speak for or against a stronger one, and what would an analysis of the 52 complete children have done?
# Name one way in which the model's assumption itself could be wrong.
# Five to eight sentences; use your simulation.

# %% [raw]
# # BEGIN SOLUTION

# %% [markdown]
# Maximum likelihood on all tests needs data that are missing at random (MAR): given the scores we have seen of a child (and its time), whether a later test is missing must not depend on the score it would have had.
# The stronger assumption, missing completely at random (MCAR), says that it depends on no score at all.
# The table speaks against MCAR: the 49 children who were tested for the last time in year -0.5 scored -1.50 scale points there, the 978 who stayed to the end -0.97, half a scale point more.
# An analysis of complete children needs MCAR; it would use 52 of 1721 children (3 percent), who moreover are special in having been tested in the first year, when only 131 were.
# In my simulation, where low scorers left and data were MAR, all rows gave a mean level of -0.84 (the truth is -0.80) and complete children one of -0.36, almost half a scale point too high.
# MAR itself cannot be checked with these data: it fails if, for example, children leave because they have begun to fall behind after their last test, which no score shows; then the mean growth would be estimated too high.
# The likelihood also leans on the rest of the model being right, such as straight lines and normal errors, more than it would without missing data.

# %% [raw]
# # END SOLUTION

# %% [raw]
# # END QUESTION

# %% [raw]
# # BEGIN QUESTION
# name: task5_9c
# manual: true
# points: 4

# %% [markdown]
# **5.9c "High achievers grow faster."**
# A report says: "Level and growth correlate 0.50: children with high achievement learn faster, so that differences in talent pull children apart."
# Rewrite it so that it is true.
# Use your three correlations and your variances, say what belongs to which moment, and whether Task 5.8 shakes the statement.
# Five to eight sentences.

# %% [raw]
# # BEGIN SOLUTION

# %% [markdown]
# The correlation between children's level *in the middle of the study* (year 0) and their yearly growth is 0.50, in a model in which every child grows along a straight line.
# With the level taken at the start (year -2.5) it is 0.11, at the end (year 2.5) 0.72: those who grow faster become high achievers, so that the correlation has to rise with the moment at which the level is read, and it would be zero at year -3.1.
# So children's level at the start tells next to nothing about how fast they will grow.
# What does not depend on the origin is that rates differ: their standard deviation is 0.15 scale points a year around a mean of 0.75, and therefore the variance of scores rises, from 0.93 squared scale points at the start to 1.59 at the end.
# Nothing here is about talent or causes: the model describes differing growth, and half of the differences in rates lie between schools.
# The mean growth is not a line (the quadratic term is -0.043, the deviance falls by 139), so that rates slow down from about 1.00 to 0.56; if children differ in their curvature as well, correlations that rest on straight lines may change, and the start was seen for 131 children only.

# %% [raw]
# # END SOLUTION

# %% [raw]
# # END QUESTION

# %% [markdown]
# ## The answer to the opening question
# Do gaps in mathematics grow while children go through primary school?
#
# Between Black children and children of neither group, in these schools, yes.
# The gap is about 0.50 scale points at the start (standard error 0.07) and about 1.04 at the end (0.08), because Black children gain 0.72 and the others 0.83 points a year.
# At the end, the gap amounts to a year and a quarter of the others' growth.
# For Hispanic children the gap is 0.54 points at the start and 0.65 at the end, and the difference in growth is within its margin of error.
# Both groups together go with about a tenth of the differences between children; within each group children differ far more than the groups differ.
#
# **What this rests on.**
# Straight lines for everybody, which the data contradict for the mean (growth slows down), so that gaps at the very start and end are the least certain numbers.
# Tests missing at random: low scorers left earlier, which the model can allow for as long as their scores show it.
# A scale on which a point means the same at all ages; whether gaps *widen* depends on that scale.
# Independent children: the standard errors above are too small, because children of one school are alike (Task 5.9).
#
# **What it does not say.**
# It does not say why.
# Group stands for all that goes with it in these data, above all for the school: 26 of the 60 schools have almost only Black children, and half of the differences in growth lie between schools.
# Whether the gap would widen among children of the *same* school is a question of within and between, as in Homework 2, and the variables are in the data.
