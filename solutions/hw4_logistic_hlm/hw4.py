# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Homework 4. Town, village, district: who uses contraception?
#
# In 1988 a survey asked women in 60 districts of Bangladesh whether they used contraception.
# Do women who live in towns use it more than women in villages *of the same district*?
# And how much does it matter in which district a woman lives?
#
# The answer of each woman is yes or no.
# A linear model would predict probabilities below 0 and above 1, so the model is a logistic one, with an effect for each district: a **logistic hierarchical linear model**.
# With a yes-or-no response two things change that were easy before.
# The likelihood is an integral without a formula, so you compute it numerically.
# And an effect *within* a district and an effect *averaged over* districts are two different numbers, so you have to say which one you report.
#
# Python has no maximum likelihood fit of this model in its usual statistics package, statsmodels.
# You write one, in the file `hlmtools/logistic.py`, and it agrees with R's lme4 and with the engine of this course.
#
# **How to work.**
# As before: read the formula, replace a line `raise NotImplementedError(...)` in the file, save it, replace each `...` below by your answer, and run the check under it.
# A check looks at the form of an answer, at one number that you can compute by hand, and at well-known mistakes.
# The values themselves are checked at grading, for the functions on data you have not seen.
# Where a check says "notes 4.3", it means section 4.3 of the lecture notes, `notes.ipynb`.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
import statsmodels.api as sm
from otter.test_files import test_case  # IGNORE
from scipy.special import expit
from scipy.stats import norm

from hlmtools import glmer, load_dataset, plots
from hlmtools.logistic import (
    agq_loglik,
    attenuate,
    cluster_mode,
    eb_mean_mode,
    fit_logit_ri,
    icc_latent,
    log_joint,
    lrt_psi,
    marginal_or,
    marginal_prob,
    mor,
)

sns.set_theme(style="ticks")

# %% [markdown]
# ## The data
# `contraception` holds 1934 women in 60 districts (the Bangladesh Fertility Survey of 1988).
# Each row is a woman: `use` is 1 if she uses contraception, `urban` is 1 if she lives in a town, `age` is her age in years minus the mean age, `livch` is the number of her living children (0, 1, 2, 3+), and `district` is the label of her district.

# %%
contraception = load_dataset("contraception")
contraception.sample(5, random_state=1)

# %% [markdown]
# The covariates of the model, one column each, with a column of ones for the intercept.
# Women in villages without living children, of average age, are the reference.

# %%
con_X = pd.DataFrame(
    {
        "const": 1.0,
        "urban": contraception["urban"],
        "age": contraception["age"],
        "livch1": 1.0 * (contraception["livch"] == "1"),
        "livch2": 1.0 * (contraception["livch"] == "2"),
        "livch3": 1.0 * (contraception["livch"] == "3+"),
    }
)

# %% [markdown]
# A picture comes before a model.
# Each dot is a district: how many of its women were asked, and which share of them uses contraception.

# %%
by_district = contraception.groupby("district")["use"].agg(["size", "mean"])
fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
ax.scatter(by_district["size"], by_district["mean"], s=28, color="#3182bd")
ax.axhline(contraception["use"].mean(), linestyle="--", color="gray", label="share of all women")
for label, place in [("3", (8, -4)), ("11", (8, 3)), ("14", (-7, 8))]:
    ax.annotate(label, by_district.loc[label], xytext=place, textcoords="offset points")
ax.set(xlabel="women asked in the district", ylabel="share who use contraception")
ax.legend(frameon=False)
sns.despine()

# %% [markdown]
# Districts differ, and small ones seem to differ most.
# You know from Homework 1 why: a share among few women is unreliable.
# In district 3 both women that were asked use contraception; in district 11 none of 21 does; district 14 is the largest sample, 118 women.
# No logistic regression with a coefficient for each district can handle districts 3 and 11: their coefficients would be infinite.
# Keep an eye on these three.

# %% [markdown]
# ## The model
# Write $y_{ij}$ for the answer of woman $i$ in district $j$, and $x_{ij}$ for her covariates.
#
# $$
# \operatorname{logit} P(y_{ij} = 1 \mid x_{ij}, \zeta_j) = x_{ij}'\beta + \zeta_j, \qquad \zeta_j \sim N(0, \psi),
# \qquad \operatorname{logit} p = \log \frac{p}{1 - p} .
# $$
#
# We write $\zeta_j = \sigma u_j$ with $u_j \sim N(0, 1)$, so that $\sigma = \sqrt\psi$ is the standard deviation of the districts' effects, and $\eta_{ij} = x_{ij}'\beta$ for the fixed part.
#
# | symbol | meaning | unit |
# |:---|:---|:---|
# | $\beta$ | coefficients, **within** a district | log-odds |
# | $\zeta_j = \sigma u_j$ | effect of district $j$ | log-odds |
# | $u_j$ | the same, in standard deviations | none |
# | $\psi = \sigma^2$ | variance of the effects between districts | squared log-odds |
#
# There is no $\sigma^2$ within districts here, and no residual: given the probability, the spread of a yes-or-no answer is known.
# (So $\sigma$ belongs to the districts in this homework.)
#
# **What it assumes.**
#
# 1. *Exchangeable and independent districts*: effects are independent draws from one distribution.
# 2. *Conditional independence*: given their district and their covariates, women answer independently.
# 3. *Exogeneity*: the effect of a district has nothing to do with the covariates of its women, such as how many of them live in towns.
# 4. *The logit is right*: effects add up on the log-odds scale, and that of living in a town is the same in all districts.
# 5. *Normality* of the effects. Here it is used for everything, the likelihood included.

# %% [markdown]
# ## 4.1 Find the mode of a district's effect
# What do the answers of one district say about its $u_j$?
# Multiply the probability of the answers, given $u$, by the prior density of $u$, and take the logarithm:
#
# $$
# f_j(u) = \sum_i \bigl[ y_{ij} e_{ij} - \log(1 + e^{e_{ij}}) \bigr] - \frac{u^2}{2} - \frac{\log 2\pi}{2},
# \qquad e_{ij} = \eta_{ij} + \sigma u .
# $$
#
# Up to a constant this is the logarithm of the *posterior density* of $u_j$.
# It has one maximum, the mode, where the derivative is zero; the second derivative says how sharp it is.
# With $\mu_{ij} = 1/(1 + e^{-e_{ij}})$:
#
# $$
# f_j'(u) = \sigma \sum_i (y_{ij} - \mu_{ij}) - u, \qquad
# H_j(u) = -f_j''(u) = \sigma^2 \sum_i \mu_{ij} (1 - \mu_{ij}) + 1 .
# $$
#
# Newton's method repeats $u \leftarrow u + f_j'(u) / H_j(u)$, all districts at once.
# The $-u$ and the $+1$ come from the prior.
# They are what holds the mode of a district in which all women give the same answer.

# %% [raw]
# # BEGIN QUESTION
# name: task4_1

# %% [markdown]
# **Write** `log_joint(u, eta, y, g, sigma)`, which gives $f_j$ for all districts at once (for one $u$ each, or for $k$ of them), and `cluster_mode(eta, y, g, sigma)`, a table with the mode and $1/\sqrt{H_j}$, called `sd`.
# Both are needed thousands of times below, so do without loops over districts; the docstring says how.
# And guard Newton's step: without a guard it can jump back and forth for ever.
#
# **Apply** them to `contraception` at the trial values below:
# - `con_modes`, the table; from it `con_mode_11` and `con_mode_sd_11` of district `"11"`, and `con_mode_14` of district `"14"`, in standard deviations;
# - `con_joint_11`, the value of $f_j$ at $u = -1$ for district `"11"` (districts are in the order of their sorted labels, that of `con_modes.index`).

# %%
beta_try = np.array([-1.7, 0.7, -0.03, 1.1, 1.4, 1.35])
sigma_try = 0.5
con_eta_try = con_X @ beta_try

# %%
# con_modes = cluster_mode(...), and two of its rows
# BEGIN SOLUTION 4.1 NO PROMPT
con_modes = cluster_mode(con_eta_try, contraception["use"], contraception["district"], sigma_try)
# END SOLUTION
con_mode_11 = con_modes.loc["11", "mode"]  # SOLUTION 4.1
con_mode_sd_11 = con_modes.loc["11", "sd"]  # SOLUTION 4.1
con_mode_14 = con_modes.loc["14", "mode"]  # SOLUTION 4.1

# %%
# BEGIN SOLUTION 4.1 NO PROMPT
con_joint = log_joint(
    np.full(60, -1.0), con_eta_try, contraception["use"], contraception["district"], sigma_try
)
# END SOLUTION
con_joint_11 = con_joint[con_modes.index.get_loc("11")]  # SOLUTION 4.1

# %% [markdown]
# **Draw** the prior and the posterior of $u_j$ for districts 3, 11 and 14 in one picture.
# Evaluate `log_joint` on a grid of $u$ from -4 to 4 (one row a district, all with the same grid), take the exponential, and divide by its sum times the width of a step, so that the area is 1.
# Add to each posterior, dashed, the normal density with its mode and `sd`.

# %%
# prior, posteriors and their normal approximations
# BEGIN SOLUTION 4.1
grid = np.linspace(-4, 4, 321)
columns = (con_eta_try, contraception["use"], contraception["district"], sigma_try)
height = np.exp(log_joint(np.tile(grid, (60, 1)), *columns))
posterior = pd.DataFrame(height, index=con_modes.index).T
posterior /= posterior.sum() * (grid[1] - grid[0])
fig, ax = plt.subplots(figsize=(7.5, 4), layout="constrained")
ax.plot(grid, norm.pdf(grid), color="gray", label="prior")
for label, color in [("3", "#e6550d"), ("11", "#3182bd"), ("14", "#31a354")]:
    women = by_district.loc[label, "size"]
    ax.plot(grid, posterior[label], color=color, label=f"district {label} ({women:.0f} women)")
    ax.plot(grid, norm.pdf(grid, *con_modes.loc[label]), "--", color=color, linewidth=1)
ax.set(xlabel="effect of the district, u (standard deviations)", ylabel="density")
ax.legend(frameon=False, title="dashed: normal approximation")
sns.despine()
# END SOLUTION

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_log_joint(log_joint):
    import math

    from hlmtools import check

    value = log_joint([0.0, 1.0], [0.0, 0.0, 0.0], [1, 0, 1], ["a", "a", "b"], 2.0)
    expected = [
        -2 * math.log(2) - math.log(2 * math.pi) / 2,
        2 - math.log(1 + math.exp(2)) - 0.5 - math.log(2 * math.pi) / 2,
    ]
    why = "a: 2 log(1/2) - log(2 pi)/2; b, with e = 2: 2 - log(1 + exp(2)) - 1/2 - log(2 pi)/2"
    check.by_hand(value, expected, "log_joint([0, 1], ...)", why)
    both = log_joint([[0.0, 0.0, 1.0]], [0.0, 0.0], [1, 0], ["a", "a"], 2.0)
    check.array(both, "log_joint with three values of u for one cluster", shape=(1, 3))


# %%
@test_case()
def form_of_cluster_mode(cluster_mode):
    from hlmtools import check

    table = cluster_mode([0.0, 0.0, 0.5, 0.5], [1, 0, 1, 1], ["b", "b", "a", "a"], 2.0)
    check.frame(table, "cluster_mode(...)", columns=["mode", "sd"], index=["a", "b"])
    check.by_hand(round(table["mode"]["b"], 8), 0, "mode of 1, 0 at log-odds 0", "by symmetry")
    check.by_hand(table["sd"]["b"] ** 2, 1 / 3, "its sd squared", "H = 4 (1/4 + 1/4) + 1 = 3")
    check.number(table["mode"]["a"], "the mode of 1, 1, which is finite", low=0, high=4)


# %%
@test_case()
def form_of_the_modes(con_joint_11, con_mode_11, con_mode_sd_11, con_mode_14):
    from hlmtools import check

    check.no_slip("con_joint_11", con_joint_11)
    check.number(con_joint_11, "con_joint_11", high=0)


# %%
@test_case()
def form_of_the_mode_of_district_11(con_mode_11, con_mode_sd_11):
    from hlmtools import check

    check.number(con_mode_11, "con_mode_11")
    check.number(con_mode_sd_11, "con_mode_sd_11", low=0)
    check.no_slip("con_mode_sd_11", con_mode_sd_11)
    check.no_slip("con_mode_11", con_mode_11)


# %%
@test_case()
def form_of_the_mode_of_district_14(con_mode_14):
    from hlmtools import check

    check.number(con_mode_14, "con_mode_14")
    check.no_slip("con_mode_14", con_mode_14)


# %%
@test_case(points=1, hidden=True)
def joint_density_of_other_clusters(log_joint):
    import numpy as np

    from autograder import expect
    from hlmtools.simulate import two_level_logit

    d = two_level_logit(psi=1.5, sizes=[3, 8, 1, 12, 5], beta=(-0.4, 0.8), seed=4101)
    u = np.array([-1.2, 0.3, 2.0, 0.0, 0.7])
    eta = 0.3 - 0.9 * d["x"]
    expect.agrees("log_joint", log_joint, u, eta, d["y"], d["g"], 1.3, name="unsorted rows")


# %%
@test_case(points=1, hidden=True)
def several_values_for_each_cluster(log_joint):
    import numpy as np

    from autograder import expect
    from hlmtools.simulate import two_level_logit

    d = two_level_logit(psi=1.5, sizes=[4, 1, 9], beta=(0.4, 0.8), seed=4102)
    u = np.array([[-1.2, 0.3], [2.0, 0.0], [0.7, -3.0]])
    eta = 700 * d["x"]
    expect.agrees("log_joint", log_joint, u, eta, d["y"], d["g"], 0.6, name="large log-odds")


# %%
@test_case(points=0.5, hidden=True)
def answers_other_than_0_and_1_are_refused(log_joint, cluster_mode):
    from autograder import expect

    rows = ([0.0, 0.0], [1, 2], ["a", "a"], 1.0)
    expect.raises(ValueError, log_joint, [0.0], *rows, name="a 2 in y")
    expect.raises(ValueError, cluster_mode, *rows, name="a 2 in y")


# %%
@test_case(points=1, hidden=True)
def modes_of_other_clusters(cluster_mode):
    from autograder import expect
    from hlmtools.simulate import two_level_logit

    d = two_level_logit(psi=2, sizes=[30, 38, 24, 40, 25], beta=(0.1, 0.5), seed=4103)
    want = expect.solved().cluster_mode(0.4 * d["x"], d["y"], d["g"], 1.4)
    expect.agrees("cluster_mode", cluster_mode, 0.4 * d["x"], d["y"], d["g"], 1.4, name="new data")
    got = cluster_mode(0.4 * d["x"], d["y"], d["g"], 1.4)
    expect.frame(got, want, name="the table of modes")


# %%
@test_case(points=1, hidden=True)
def clusters_with_one_kind_of_answer(cluster_mode):
    from autograder import expect

    y, g = [1, 1, 1, 0, 0, 1, 0], ["a", "a", "a", "b", "b", "c", "c"]
    eta = [-3.0, -3.5, -2.5, 1.0, 2.0, 0.3, -0.2]
    want = expect.solved().cluster_mode(eta, y, g, 2.5)
    expect.frame(cluster_mode(eta, y, g, 2.5), want, name="the table with all-equal clusters")


# %%
@test_case(points=0.5, hidden=True)
def very_different_clusters(cluster_mode):
    from autograder import expect
    from hlmtools.simulate import two_level_logit

    d = two_level_logit(psi=25, sizes=[4] * 12, beta=(-3.0, 1.0), seed=4104)
    eta = -3.4 + d["x"]
    want = expect.solved().cluster_mode(eta, d["y"], d["g"], 5.0)
    expect.frame(
        cluster_mode(eta, d["y"], d["g"], 5.0),
        want,
        tolerance="prediction",
        name="the table with sigma = 5, where unguarded steps jump back and forth",
    )


# %%
@test_case(points=0.5, hidden=True)
def joint_density_of_district_11(con_joint_11):
    from autograder import expect

    expect.quantity("con_joint_11", con_joint_11)


# %%
@test_case(points=0.5, hidden=True)
def mode_of_district_11(con_mode_11):
    from autograder import expect

    expect.quantity("con_mode_11", con_mode_11)


# %%
@test_case(points=0.5, hidden=True)
def curvature_of_district_11(con_mode_sd_11):
    from autograder import expect

    expect.quantity("con_mode_sd_11", con_mode_sd_11)


# %%
@test_case(points=0.5, hidden=True)
def mode_of_district_14(con_mode_14):
    from autograder import expect

    expect.quantity("con_mode_14", con_mode_14)


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# Read your picture.
# Two women have hardly moved district 3 away from the prior; 118 women have left little of the prior in district 14.
# In district 11 nobody said yes. The likelihood alone rises all the way to minus infinity; prior and answers together have a maximum.
# The dashed curves lie almost on the solid ones; look closely, and the posterior of district 11 leans a little to the left.
# So the normal approximation at the mode is a good guess of where the mass is.
# The next task makes it exact, and shows data where the guess is not good enough.

# %% [markdown]
# ## 4.2 Integrate by adaptive quadrature
# Nobody observes $u_j$, so the likelihood of a district is the average over all it could be:
#
# $$
# L_j = \int e^{f_j(u)} \, du .
# $$
#
# In Homework 1 everything was normal, and such an integral had a formula.
# Here it has none.
# **Gauss-Hermite quadrature** replaces $\int e^{-z^2/2} h(z) \, dz$ by a weighted sum $\sum_r w_r h(z_r)$ over $k$ well-chosen nodes; it is exact if $h$ is a polynomial of degree up to $2k - 1$.
# It works well where the nodes lie where the integrand is.
# So move them there: with mode $\hat u_j$ and $\tau_j = H_j^{-1/2}$ put $u = \hat u_j + \tau_j z$, which gives
#
# $$
# \log L_j \approx \log \tau_j + \log \sum_{r=1}^{k} \exp \Bigl[ f_j(\hat u_j + \tau_j z_r) + \frac{z_r^2}{2} + \log w_r \Bigr] .
# $$
#
# This is **adaptive** quadrature: each district has its own nodes.
# With $k = 1$ the only node is the mode; this is the **Laplace approximation**, the default of lme4's `glmer`.

# %% [raw]
# # BEGIN QUESTION
# name: task4_2

# %% [markdown]
# **Write** `agq_loglik(beta, sigma, X, y, g, k=15)`, the sum of $\log L_j$ over clusters.
# Fewer than one node raise a `ValueError`.
#
# **Apply** it to `contraception` at the trial values of Task 4.1: `con_ll_1` with one node, `con_ll_7` with seven.

# %%
# BEGIN SOLUTION 4.2 NO PROMPT
con_columns = (con_X, contraception["use"], contraception["district"])
# END SOLUTION
con_ll_1 = agq_loglik(beta_try, sigma_try, *con_columns, 1)  # SOLUTION 4.2
con_ll_7 = agq_loglik(beta_try, sigma_try, *con_columns, 7)  # SOLUTION 4.2

# %% [markdown]
# **On other data.** `ohio` holds 537 children who were examined at ages 7, 8, 9 and 10 for wheezing (`resp`, 1 if the child wheezes); `smoke` is 1 if the mother smoked, and `age` is the age minus 9.
# Children are the clusters now, and four yes-or-no answers say little about a child.
# Compute `ohio_ll_1` and `ohio_ll_25`, the log-likelihoods with 1 and with 25 nodes at the trial values below.

# %%
ohio = load_dataset("ohio")
ohio_X = pd.DataFrame(
    {
        "const": 1.0,
        "age": ohio["age"],
        "smoke": ohio["smoke"],
        "age_smoke": ohio["age"] * ohio["smoke"],
    }
)
ohio_beta_try = np.array([-3.1, -0.2, 0.45, 0.1])
ohio_sigma_try = 2.2

# %%
# BEGIN SOLUTION 4.2 NO PROMPT
ohio_columns = (ohio_X, ohio["resp"], ohio["id"])
# END SOLUTION
ohio_ll_1 = agq_loglik(ohio_beta_try, ohio_sigma_try, *ohio_columns, 1)  # SOLUTION 4.2
ohio_ll_25 = agq_loglik(ohio_beta_try, ohio_sigma_try, *ohio_columns, 25)  # SOLUTION 4.2

# %% [markdown]
# **Draw** the log-likelihood of `ohio` at the trial values against the number of nodes, for $k = 1, 3, 5, \dots, 41$.
#
# **Read** it: `ohio_nodes` is the smallest odd number of nodes from which on the log-likelihood stays within 0.001 of its value at 61 nodes.

# %%
# log-likelihood against the number of nodes
# BEGIN SOLUTION 4.2
nodes = np.arange(1, 42, 2)
curve = np.array([agq_loglik(ohio_beta_try, ohio_sigma_try, *ohio_columns, k) for k in nodes])
many = agq_loglik(ohio_beta_try, ohio_sigma_try, *ohio_columns, 61)
fig, axes = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
for ax, title in zip(axes, ["all", "close to the end"], strict=True):
    ax.plot(nodes, curve, "o-", color="#3182bd", markersize=4)
    ax.axhline(many, linestyle="--", color="gray", label="61 nodes")
    ax.set(xlabel="number of nodes k", ylabel="log-likelihood", title=title)
axes[1].set(xlim=(6, 42), ylim=(many - 0.06, many + 0.3))
axes[0].legend(frameon=False)
sns.despine()
# END SOLUTION

# %%
ohio_nodes = int(nodes[np.flatnonzero(np.abs(curve - many) > 0.001)[-1] + 1])  # SOLUTION 4.2

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_agq_loglik(agq_loglik):
    import math

    from hlmtools import check

    data = ([[1.0], [1.0]], [0, 1], ["a", "a"])
    check.by_hand(
        agq_loglik([0.0], 2.0, *data, 1),
        -2 * math.log(2) - math.log(3) / 2,
        "agq_loglik of 0, 1 at log-odds 0 with sigma = 2 and one node",
        "the mode is 0 and H = 3, so 2 log(1/2) + log(1 / sqrt(3))",
    )
    for k in (1, 4):
        check.by_hand(
            agq_loglik([math.log(3)], 0.0, *data, k),
            math.log(3 / 16),
            f"agq_loglik with sigma = 0 and {k} nodes",
            "no spread: log(1/4) + log(3/4)",
        )


# %%
@test_case()
def form_of_the_laplace_values(con_ll_1, ohio_ll_1):
    from hlmtools import check

    check.number(con_ll_1, "con_ll_1")
    check.number(ohio_ll_1, "ohio_ll_1")
    check.no_slip("con_ll_1", con_ll_1)
    check.no_slip("ohio_ll_1", ohio_ll_1)


# %%
@test_case()
def form_of_the_values_with_more_nodes(con_ll_7, ohio_ll_25, ohio_nodes):
    from hlmtools import check

    check.no_slip("con_ll_7", con_ll_7)
    check.no_slip("ohio_ll_25", ohio_ll_25)
    check.number(con_ll_7, "con_ll_7", high=0)
    check.number(ohio_ll_25, "ohio_ll_25", high=0)
    check.number(ohio_nodes, "ohio_nodes", low=1, high=41)


# %%
@test_case(points=1, hidden=True)
def laplace_on_other_data(agq_loglik):
    import numpy as np

    from autograder import expect
    from hlmtools.simulate import two_level_logit

    d = two_level_logit(psi=1.5, sizes=[3, 8, 2, 12, 5, 20], beta=(-0.4, 0.8), seed=4201)
    X = np.column_stack([np.ones(len(d)), d["x"]])
    expect.agrees(
        "agq_loglik",
        agq_loglik,
        [0.2, 0.5],
        0.9,
        X,
        d["y"],
        d["g"],
        1,
        tolerance="deviance",
        name="one node, away from the maximum",
    )


# %%
@test_case(points=1.5, hidden=True)
def several_nodes_on_other_data(agq_loglik):
    import numpy as np

    from autograder import expect
    from hlmtools.simulate import two_level_logit

    d = two_level_logit(psi=4, sizes=[3, 1, 2, 7, 5, 4, 2, 9], beta=(-1.0, 0.8), seed=4202)
    X = np.column_stack([np.ones(len(d)), d["x"]])
    for beta, sigma, k in [([-0.7, 0.5], 1.8, 3), ([0.4, 1.1], 2.6, 6), ([-1.5, 0.0], 0.6, 11)]:
        expect.agrees(
            "agq_loglik",
            agq_loglik,
            beta,
            sigma,
            X,
            d["y"],
            d["g"],
            k,
            tolerance="deviance",
            name="several nodes, away from the maximum",
        )


# %%
@test_case(points=1, hidden=True)
def logistic_regression_at_sigma_zero(agq_loglik):
    import numpy as np

    from autograder import expect
    from hlmtools.simulate import two_level_logit

    d = two_level_logit(psi=1, sizes=[4, 9, 1, 6], beta=(0.5, -1.0), seed=4203)
    X = np.column_stack([np.ones(len(d)), d["x"]])
    e = X @ np.array([0.3, -0.7])
    plain = float((d["y"] * e - np.log1p(np.exp(e))).sum())
    for k in (1, 8):
        value = agq_loglik([0.3, -0.7], 0.0, X, d["y"], d["g"], k)
        expect.close(value, plain, tolerance="deviance", name="the log-likelihood at sigma = 0")


# %%
@test_case(points=0.5, hidden=True)
def impossible_number_of_nodes_is_refused(agq_loglik):
    from autograder import expect

    expect.raises(
        ValueError, agq_loglik, [0.0], 1.0, [[1.0], [1.0]], [0, 1], ["a", "b"], 0, name="k = 0"
    )


# %%
@test_case(points=0.5, hidden=True)
def contraception_with_one_node(con_ll_1):
    from autograder import expect

    expect.quantity("con_ll_1", con_ll_1)


# %%
@test_case(points=0.5, hidden=True)
def contraception_with_seven_nodes(con_ll_7):
    from autograder import expect

    expect.quantity("con_ll_7", con_ll_7)


# %%
@test_case(points=0.5, hidden=True)
def ohio_with_one_node_and_with_many(ohio_ll_1, ohio_ll_25):
    from autograder import expect

    expect.quantity("ohio_ll_1", ohio_ll_1)
    expect.quantity("ohio_ll_25", ohio_ll_25)


# %%
@test_case(points=0.5, hidden=True)
def nodes_that_ohio_needs(ohio_nodes):
    from autograder import expect

    expect.true(ohio_nodes == 25, "ohio_nodes is not the number of nodes that was asked for.")


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# Read your picture.
# With few nodes the log-likelihood of `ohio` jumps up and down by whole points, and it does not rise steadily: a larger log-likelihood with fewer nodes is not a better fit, it is a worse integral.
# Around 7 to 9 nodes the curve looks settled, and it is not.
# For `contraception` seven nodes are enough for five decimals: districts have many women, and their posteriors are nearly normal.
# Four answers a child leave a posterior that is far from normal, the more so as children differ a great deal.
# The rule is to double the number of nodes until nothing changes.

# %% [markdown]
# ## 4.3 Fit the model
# Now maximize the log-likelihood over $\beta$ and $\sigma$.
# Standard errors come from its curvature at the maximum: the inverse of minus the matrix of second derivatives.
# Two warnings.
#
# - `scipy.optimize.minimize(..., method="BFGS")` also returns a matrix `hess_inv`. It is a by-product of the search and can be far off; take second derivatives by differences, with `derivatives` (imported in your module).
# - The log-likelihood is the same at $\sigma$ and $-\sigma$, so no bound is needed. If nothing beats $\sigma = 0$, the estimate is exactly 0, as in Homework 1.

# %% [raw]
# # BEGIN QUESTION
# name: task4_3

# %% [markdown]
# **Write** `fit_logit_ri(y, X, g, k=15)`.
# It returns a `LogitResult` with `params` and `bse` (by the columns of `X`), `psi`, `llf`, `k`, `singular`, and the data.
#
# **Fit** `contraception`: `con_fit`, and from it `con_psi` (squared log-odds), `con_urban` and `con_urban_se` (log-odds).

# %%
# con_fit = fit_logit_ri(...)
# BEGIN SOLUTION 4.3 NO PROMPT
con_fit = fit_logit_ri(contraception["use"], con_X, contraception["district"])
# END SOLUTION
con_psi = con_fit.psi  # SOLUTION 4.3
con_urban = con_fit.params["urban"]  # SOLUTION 4.3
con_urban_se = con_fit.bse["urban"]  # SOLUTION 4.3

# %% [markdown]
# Compare with the ordinary logistic regression, which ignores districts.

# %%
con_plain = sm.Logit(contraception["use"], con_X).fit(disp=0)
pd.DataFrame({"coefficient": con_plain.params, "standard error": con_plain.bse}).round(3)

# %% [markdown]
# And compare your coefficients with those of the engine that comes with the course, `hlmtools.glmer`, which you may use to check any fit of this homework.

# %%
engine_fit = glmer(
    "use ~ urban + age + livch + (1 | district)", contraception, family="binomial", n_agq=25
)
print(engine_fit.params.round(3).to_string())

# %% [markdown]
# **Where quadrature matters.** Fit `ohio` twice: `ohio_laplace` with one node and `ohio_fit` with 25; from them `ohio_psi_laplace` and `ohio_psi`.

# %%
# BEGIN SOLUTION 4.3 NO PROMPT
ohio_laplace = fit_logit_ri(ohio["resp"], ohio_X, ohio["id"], k=1)
ohio_fit = fit_logit_ri(ohio["resp"], ohio_X, ohio["id"], k=25)
# END SOLUTION
ohio_psi_laplace = ohio_laplace.psi  # SOLUTION 4.3
ohio_psi = ohio_fit.psi  # SOLUTION 4.3

# %% [markdown]
# **On other data.** `respiratory` comes from a trial of a treatment against a respiratory illness, in two centers.
# Each of **111 patients** was seen at four visits; `outcome` is 1 where the status was good, and `treat` is A (active) or P (placebo).
# Look at the labels before you fit: how many clusters does the column `id` give?
# Make `resp_patient`, one label for each patient, fit the model with 25 nodes (`resp_fit`), and take from it `resp_psi` and the coefficient `resp_active`.

# %%
respiratory = load_dataset("respiratory")
resp_X = pd.DataFrame(
    {
        "const": 1.0,
        "active": 1.0 * (respiratory["treat"] == "A"),
        "baseline": respiratory["baseline"],
        "age": respiratory["age"],
        "male": 1.0 * (respiratory["sex"] == "M"),
        "center2": 1.0 * (respiratory["center"] == "2"),
    }
)
respiratory.head(3)

# %%
resp_patient = respiratory["center"] + "-" + respiratory["id"]  # SOLUTION 4.3
# BEGIN SOLUTION 4.3 NO PROMPT
resp_fit = fit_logit_ri(respiratory["outcome"], resp_X, resp_patient, k=25)
# END SOLUTION
resp_psi = resp_fit.psi  # SOLUTION 4.3
resp_active = resp_fit.params["active"]  # SOLUTION 4.3

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_fit_logit_ri(fit_logit_ri):
    import math

    import pandas as pd

    from hlmtools import check

    ones = pd.DataFrame({"const": [1.0] * 8})
    fit = fit_logit_ri([0, 1, 0, 1, 1, 0, 1, 0], ones, list("aabbccdd"), k=3)
    check.by_hand(fit.psi, 0, "psi where each cluster has one 0 and one 1", "nothing differs")
    assert fit.singular, "A fit with psi = 0 should say singular=True."
    check.by_hand(round(fit.params["const"], 4), 0, "its intercept, to four decimals", "logit(1/2)")
    check.by_hand(round(fit.llf, 6), round(-8 * math.log(2), 6), "its llf", "8 log(1/2)")
    check.by_hand(round(fit.bse["const"], 3), 0.707, "its se", "1 / sqrt(8 / 4)")


# %%
@test_case()
def form_of_the_fit_of_contraception(con_fit, con_psi, con_urban, con_urban_se):
    from hlmtools import check

    check.number(con_psi, "con_psi", low=0)
    check.number(con_urban, "con_urban")
    check.number(con_urban_se, "con_urban_se", low=0)
    check.no_slip("con_psi", con_psi)
    check.no_slip("con_llf", con_fit.llf)
    check.no_slip("con_urban", con_urban)
    check.no_slip("con_urban_se", con_urban_se)


# %%
@test_case()
def form_of_the_fits_of_ohio(ohio_psi, ohio_psi_laplace):
    from hlmtools import check

    check.number(ohio_psi, "ohio_psi", low=0)
    check.number(ohio_psi_laplace, "ohio_psi_laplace", low=0)
    check.no_slip("ohio_psi", ohio_psi)
    check.no_slip("ohio_psi_laplace", ohio_psi_laplace)


# %%
@test_case()
def form_of_the_fit_of_respiratory(resp_psi, resp_active):
    from hlmtools import check

    check.number(resp_psi, "resp_psi", low=0)
    check.number(resp_active, "resp_active")
    check.no_slip("resp_psi", resp_psi)
    check.no_slip("resp_active", resp_active)


# %%
@test_case(points=1.5, hidden=True)
def variance_and_likelihood_on_other_data(fit_logit_ri):
    import pandas as pd

    from autograder import expect
    from hlmtools.simulate import two_level_logit

    d = two_level_logit(psi=1.5, sizes=[9, 14, 6, 20, 8, 12] * 3, beta=(-0.5, 0.8), seed=4301)
    X = pd.DataFrame({"const": 1.0, "x": d["x"]})
    args, name = (d["y"], X, d["g"], 7), "other clusters, seven nodes"
    expect.agrees(
        "fit_logit_ri", fit_logit_ri, *args, fields=("psi",), tolerance="glmm_component", name=name
    )
    expect.agrees(
        "fit_logit_ri", fit_logit_ri, *args, fields=("llf",), tolerance="deviance", name=name
    )


# %%
@test_case(points=1.5, hidden=True)
def coefficients_and_standard_errors_on_other_data(fit_logit_ri):
    import pandas as pd

    from autograder import expect
    from hlmtools.simulate import two_level_logit

    d = two_level_logit(psi=3, sizes=[5, 9, 7, 11] * 5, beta=(1.0, -1.2), seed=4302)
    X = pd.DataFrame({"const": 1.0, "x": d["x"]})
    want = expect.solved().fit_logit_ri(d["y"], X, d["g"], 9)
    got = fit_logit_ri(d["y"], X, d["g"], 9)
    expect.close(got.params, want.params, "logit_coefficient", "params on other clusters")
    expect.close(got.bse, want.bse, "numerical_se", "bse on other clusters")


# %%
@test_case(points=0.5, hidden=True)
def boundary_is_exact_and_marked_singular(fit_logit_ri):
    import pandas as pd

    from autograder import expect

    y, g = [0, 1, 1, 0, 1, 0, 0, 1, 1, 0, 1, 0], list("aaabbbcccddd")
    X = pd.DataFrame({"const": 1.0, "x": [0.1, 0.5, -0.3, 0.9, 0.2, -1.0, 0.4, 0.6, 0.0, 1, 2, 3]})
    fit = fit_logit_ri(y, X, g, 5)
    expect.close(fit.psi, 0.0, tolerance="zero", name="psi of very similar clusters")
    expect.true(bool(fit.singular), "A fit with psi = 0 should say singular=True.")
    want = expect.solved().fit_logit_ri(y, X, g, 5)
    expect.close(fit.bse, want.bse, "numerical_se", "bse of a singular fit")


# %%
@test_case(points=0.5, hidden=True)
def small_variance_and_two_clusters(fit_logit_ri):
    import pandas as pd

    from autograder import expect
    from hlmtools.simulate import two_level_logit

    for psi, sizes, seed in [(0.3, [9, 14, 6, 20, 8, 12], 4306), (4, [25, 30], 4310)]:
        d = two_level_logit(psi=psi, sizes=sizes, beta=(-0.5, 0.8), seed=seed)
        args = (d["y"], pd.DataFrame({"const": 1.0, "x": d["x"]}), d["g"], 7)
        got, want = fit_logit_ri(*args), expect.solved().fit_logit_ri(*args)
        expect.close(got.llf, want.llf, "deviance", f"llf of {len(sizes)} clusters")
        expect.true(got.psi > 0, "A variance that makes the data more likely is not 0.")


# %%
@test_case(points=0.5, hidden=True)
def data_without_a_fit_are_refused(fit_logit_ri):
    import pandas as pd

    from autograder import expect

    X = pd.DataFrame({"const": [1.0, 1.0, 1.0, 1.0]})
    y, g = [0, 1, 1, 0], ["a", "a", "b", "b"]
    expect.raises(ValueError, fit_logit_ri, y, X, ["a"] * 4, name="a single cluster")
    expect.raises(ValueError, fit_logit_ri, [1, 1, 1, 1], X, g, name="the same answer everywhere")
    expect.raises(ValueError, fit_logit_ri, [0, 1, float("nan"), 0], X, g, name="a NaN in y")
    expect.raises(ValueError, fit_logit_ri, y, X, ["a", "a", "b", None], name="a missing label")


# %%
@test_case(points=0.5, hidden=True)
def variance_between_districts(con_psi):
    from autograder import expect

    expect.quantity("con_psi", con_psi)


# %%
@test_case(points=0.5, hidden=True)
def likelihood_of_contraception(con_fit):
    from autograder import expect

    expect.quantity("con_llf", con_fit.llf)


# %%
@test_case(points=0.5, hidden=True)
def coefficient_of_living_in_a_town(con_urban):
    from autograder import expect

    expect.quantity("con_urban", con_urban)


# %%
@test_case(points=0.5, hidden=True)
def standard_error_of_living_in_a_town(con_urban_se):
    from autograder import expect

    expect.quantity("con_urban_se", con_urban_se)


# %%
@test_case(points=0.5, hidden=True)
def variance_between_children(ohio_psi):
    from autograder import expect

    expect.quantity("ohio_psi", ohio_psi)


# %%
@test_case(points=0.5, hidden=True)
def variance_between_children_by_laplace(ohio_psi_laplace):
    from autograder import expect

    expect.quantity("ohio_psi_laplace", ohio_psi_laplace)


# %%
@test_case(points=0.5, hidden=True)
def variance_between_patients(resp_psi):
    from autograder import expect

    expect.quantity("resp_psi", resp_psi)


# %%
@test_case(points=0.5, hidden=True)
def coefficient_of_the_treatment(resp_active):
    from autograder import expect

    expect.quantity("resp_active", resp_active)


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# Read your results.
#
# - *Towns.* The coefficient of `urban` is smaller than in the ordinary regression, which also compares women of different districts: districts with many women in towns are districts where contraception is used more. Its standard error is *larger*, because the ordinary one takes 1934 women for 1934 independent pieces of information.
# - *Children.* With one node the variance between children is overestimated by about a sixth, with a log-likelihood that is almost three points too high. The default of the best-known program would have given you that number.
# - *Patients.* The column `id` has 56 labels for 111 patients. Clustering by it makes a pair of strangers into one patient; what they differ in then counts as chance within a patient, the variance between patients falls to a third, and the treatment's coefficient falls with it. No program can notice. Count your clusters.

# %% [markdown]
# ## 4.4 Turn the variance into something to talk about
# A variance in squared log-odds is hard to judge.
#
# The **latent intraclass correlation** imagines a continuous inclination $y^*_{ij} = x_{ij}'\beta + \zeta_j + \epsilon_{ij}$ behind each answer, with yes where it is above 0.
# The logit model says that $\epsilon_{ij}$ is logistic, with variance $\pi^2/3$ (here $\pi = 3.14\dots$), so
#
# $$
# \rho = \frac{\psi}{\psi + \pi^2 / 3} .
# $$
#
# The **median odds ratio** stays with the odds.
# Draw two districts at random and a woman from each, with the same covariates, and divide the higher odds by the lower.
# The median of this ratio over such draws is
#
# $$
# \mathrm{MOR} = \exp \bigl\{ \sqrt{2 \psi} \; \Phi^{-1}(0.75) \bigr\} .
# $$

# %% [raw]
# # BEGIN QUESTION
# name: task4_4

# %% [markdown]
# **Write** `icc_latent(psi)` and `mor(psi)`.
# A negative variance raises a `ValueError`.
#
# **Apply** them to your estimates: `con_icc` and `con_mor` for districts, `ohio_icc` and `ohio_mor` for children (with 25 nodes).

# %%
con_icc = icc_latent(con_psi)  # SOLUTION 4.4
con_mor = mor(con_psi)  # SOLUTION 4.4
ohio_icc = icc_latent(ohio_psi)  # SOLUTION 4.4
ohio_mor = mor(ohio_psi)  # SOLUTION 4.4

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_icc_latent_and_mor(icc_latent, mor):
    import math

    from hlmtools import check

    check.by_hand(icc_latent(math.pi**2), 0.75, "icc_latent(pi^2)", "1 / (1 + 1/3)")
    check.by_hand(mor(0.0), 1, "mor(0)", "exp(0)")
    check.by_hand(round(math.log(mor(2.0)), 5), 1.34898, "log of mor(2)", "sqrt(4) * 0.674490")


# %%
@test_case()
def form_of_the_correlations(con_icc, ohio_icc):
    from hlmtools import check

    check.number(con_icc, "con_icc", low=0, high=1)
    check.number(ohio_icc, "ohio_icc", low=0, high=1)
    check.no_slip("con_icc", con_icc)
    check.no_slip("ohio_icc", ohio_icc)


# %%
@test_case()
def form_of_the_median_odds_ratios(con_mor, ohio_mor):
    from hlmtools import check

    check.no_slip("con_mor", con_mor)
    check.no_slip("ohio_mor", ohio_mor)
    check.number(con_mor, "con_mor", low=1)
    check.number(ohio_mor, "ohio_mor", low=1)


# %%
@test_case(points=0.5, hidden=True)
def correlation_for_other_variances(icc_latent):
    from autograder import expect

    for psi in (0.0, 0.37, 2.9):
        expect.agrees("icc_latent", icc_latent, psi, name="other variances")


# %%
@test_case(points=0.5, hidden=True)
def odds_ratio_for_other_variances(mor):
    from autograder import expect

    for psi in (0.0, 0.37, 2.9):
        expect.agrees("mor", mor, psi, name="other variances")


# %%
@test_case(points=0.5, hidden=True)
def negative_variance_has_neither(icc_latent, mor):
    from autograder import expect

    expect.raises(ValueError, icc_latent, -0.1, name="a negative psi")
    expect.raises(ValueError, mor, -0.1, name="a negative psi")


# %%
@test_case(points=0.5, hidden=True)
def correlation_within_districts(con_icc, con_psi):
    from autograder import expect

    expect.quantity("con_icc", con_icc, follows=lambda: expect.solved().icc_latent(con_psi))


# %%
@test_case(points=0.5, hidden=True)
def median_odds_ratio_of_districts(con_mor, con_psi):
    from autograder import expect

    expect.quantity("con_mor", con_mor, follows=lambda: expect.solved().mor(con_psi))


# %%
@test_case(points=0.5, hidden=True)
def both_for_children(ohio_icc, ohio_mor, ohio_psi):
    from autograder import expect

    expect.quantity("ohio_icc", ohio_icc, follows=lambda: expect.solved().icc_latent(ohio_psi))
    expect.quantity("ohio_mor", ohio_mor, follows=lambda: expect.solved().mor(ohio_psi))


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# Women of one district are only a little alike, and yet two districts drawn at random typically differ by an odds ratio of more than one and a half: less than the odds ratio of living in a town, and of the same order.
# Children differ by another order: wheezing is a trait of the child, and what the mother does is a small part of it.
# The intraclass correlation is one of *inclinations*; the correlation of the yes-or-no answers themselves is smaller.

# %% [markdown]
# ## 4.5 Average probabilities over districts
# Which share of village women with one child, of average age, uses contraception?
# Two numbers offer themselves, and both are right answers to some question.
#
# $$
# \frac{1}{1 + e^{-x'\beta}} \quad \text{in a district with } \zeta = 0,
# \qquad\qquad
# \int \frac{1}{1 + e^{-(x'\beta + \zeta)}} \, \phi(\zeta; 0, \psi) \, d\zeta \quad \text{averaged over districts.}
# $$
#
# The logistic curve is bent, so that the mean of the probabilities is not the probability at the mean effect.
# The second is called **marginal** or population-averaged.
# Ordinary Gauss-Hermite quadrature with 30 nodes does its integral, since the weight is the normal density itself: nothing to adapt.

# %% [raw]
# # BEGIN QUESTION
# name: task4_5

# %% [markdown]
# **Write** `marginal_prob(xb, psi)`, for one number or an array of fixed parts.
# A negative variance raises a `ValueError`.
#
# **Apply** it to women with one child and average age (`age` 0): `con_xb_rural` is the fixed part of the log-odds in a village, `con_rural` and `con_town` are the probabilities in villages and in towns, averaged over districts.

# %%
con_xb_rural = con_fit.params["const"] + con_fit.params["livch1"]  # SOLUTION 4.5
con_rural = marginal_prob(con_xb_rural, con_psi)  # SOLUTION 4.5
con_town = marginal_prob(con_xb_rural + con_urban, con_psi)  # SOLUTION 4.5

# %% [markdown]
# **Draw** conditional and marginal curves, one panel for the variance between districts (`con_psi`) and one for that between children (`ohio_psi`): against the fixed part $x'\beta$ from -6 to 6, thin lines for clusters with effects of $-2, -1, 0, 1, 2$ standard deviations, and one thick line for `marginal_prob`.

# %%
# conditional and marginal curves
# BEGIN SOLUTION 4.5
xb = np.linspace(-6, 6, 241)
fig, axes = plt.subplots(1, 2, figsize=(10, 3.8), sharey=True, layout="constrained")
for ax, psi, who in zip(axes, [con_psi, ohio_psi], ["district", "child"], strict=True):
    for u in (-2, -1, 0, 1, 2):
        label = "one cluster, effects of -2 to 2 SD" if u == -2 else None
        ax.plot(xb, expit(xb + np.sqrt(psi) * u), color="#9ecae1", linewidth=1.2, label=label)
    ax.plot(
        xb, marginal_prob(xb, psi), color="black", linewidth=2.5, label="averaged over clusters"
    )
    ax.set(xlabel="fixed part of the log-odds")
    ax.set_title(f"one {who}: ψ = {psi:.2f} squared log-odds")
axes[0].set_ylabel("probability")
axes[0].legend(frameon=False, fontsize="small", loc="lower right")
sns.despine()
# END SOLUTION

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_marginal_prob(marginal_prob):
    from hlmtools import check

    check.by_hand(round(marginal_prob(0.0, 3.0), 8), 0.5, "marginal_prob(0, 3)", "by symmetry")
    both = marginal_prob([-1.0, 1.0], 2.0)
    check.array(both, "marginal_prob([-1, 1], 2)", shape=(2,), low=0, high=1)
    check.by_hand(round(float(sum(both)), 8), 1, "the sum of the two", "by symmetry")
    check.number(marginal_prob(1.0, 2.0), "marginal_prob(1, 2)", low=0.5, high=0.7310586)


# %%
@test_case()
def form_of_the_average_in_villages(con_rural):
    from hlmtools import check

    check.number(con_rural, "con_rural", low=0, high=1)
    check.no_slip("con_rural", con_rural)


# %%
@test_case()
def form_of_the_average_in_towns(con_town):
    from hlmtools import check

    check.number(con_town, "con_town", low=0, high=1)
    check.no_slip("con_town", con_town)


# %%
@test_case(points=1, hidden=True)
def average_at_other_values(marginal_prob):
    from autograder import expect

    for xb, psi in [(-2.2, 0.8), (0.9, 2.4), (3.0, 0.0)]:
        expect.agrees(
            "marginal_prob", marginal_prob, xb, psi, tolerance="ratio", name="other values"
        )


# %%
@test_case(points=0.5, hidden=True)
def averages_of_an_array(marginal_prob):
    import numpy as np

    from autograder import expect

    xb = np.array([-3.0, -0.4, 0.0, 1.7])
    expect.agrees("marginal_prob", marginal_prob, xb, 1.6, tolerance="ratio", name="an array")


# %%
@test_case(points=0.5, hidden=True)
def negative_variance_has_no_average(marginal_prob):
    from autograder import expect

    expect.raises(ValueError, marginal_prob, 0.3, -1.0, name="a negative psi")


# %%
@test_case(points=0.5, hidden=True)
def average_in_villages(con_rural, con_xb_rural, con_psi, con_fit):
    from autograder import expect

    expect.quantity(
        "con_rural",
        con_rural,
        follows=lambda: expect.solved().marginal_prob(con_xb_rural, con_psi),
    )
    fixed = float(con_fit.params["const"] + con_fit.params["livch1"])
    expect.close(con_xb_rural, fixed, "ratio", "con_xb_rural")


# %%
@test_case(points=0.5, hidden=True)
def average_in_towns(con_town, con_xb_rural, con_urban, con_psi):
    from autograder import expect

    expect.quantity(
        "con_town",
        con_town,
        follows=lambda: expect.solved().marginal_prob(con_xb_rural + con_urban, con_psi),
    )


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# Read your picture.
# The thick curve rises more slowly than each of the thin ones.
# With the small variance between districts one has to look closely; with the large variance between children the two are different curves.
# The average over clusters always lies nearer to one half than the probability at $\zeta = 0$.

# %% [markdown]
# ## 4.6 Compare odds ratios within and averaged over districts
# What holds for probabilities holds for odds ratios.
#
# - **Conditional.** $\exp(\beta)$ compares two women of the *same district* (and the same age and number of children), one in a town and one in a village.
# - **Marginal.** The odds ratio of the two averaged probabilities $p_1$ and $p_0$ compares *the women in towns with the women in villages*, over all districts.
#
# $$
# \mathrm{OR}_{\text{marginal}} = \frac{p_1 / (1 - p_1)}{p_0 / (1 - p_0)}, \qquad
# \beta_{\text{marginal}} \approx \frac{\beta}{\sqrt{1 + c^2 \psi}}, \quad c = \frac{16 \sqrt 3}{15 \pi} .
# $$
#
# The second formula is a handy approximation (Zeger, Liang and Albert 1988).
# In a linear model the two kinds of coefficient agree, which is why this distinction did not come up before.

# %% [raw]
# # BEGIN QUESTION
# name: task4_6

# %% [markdown]
# **Write** `marginal_or(xb, beta, psi)` and `attenuate(beta, psi)`.
#
# **Apply** them to living in a town, for women with one child and average age:
# - `con_or`, the conditional odds ratio;
# - `con_marginal_or`, the marginal one, exactly;
# - `con_attenuated_or`, the marginal one by the approximation.
#
# **On other data.** `ohio_attenuated_smoke` is the coefficient of `smoke` (log-odds) in `ohio_fit`, attenuated.

# %%
con_or = np.exp(con_urban)  # SOLUTION 4.6
con_marginal_or = marginal_or(con_xb_rural, con_urban, con_psi)  # SOLUTION 4.6
con_attenuated_or = np.exp(attenuate(con_urban, con_psi))  # SOLUTION 4.6
ohio_attenuated_smoke = attenuate(ohio_fit.params["smoke"], ohio_psi)  # SOLUTION 4.6

# %% [markdown]
# There is a method that estimates marginal coefficients directly, *generalized estimating equations* (GEE), the subject of Homework 6.
# Compare its coefficient of `smoke` with yours.

# %%
ohio_gee = sm.GEE(
    ohio["resp"],
    ohio_X,
    groups=ohio["id"],
    family=sm.families.Binomial(),
    cov_struct=sm.cov_struct.Exchangeable(),
).fit()
print(f"GEE: {ohio_gee.params['smoke']:.3f} (robust standard error {ohio_gee.bse['smoke']:.3f})")

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_marginal_or_and_attenuate(marginal_or, attenuate):
    import math

    from hlmtools import check

    check.by_hand(round(marginal_or(0.2, math.log(2), 0.0), 8), 2, "marginal_or at psi = 0", "e^b")
    check.number(marginal_or(0.2, 1.0, 2.0), "marginal_or(0.2, 1, 2)", low=1, high=math.e)
    c = 16 * math.sqrt(3) / (15 * math.pi)
    check.by_hand(attenuate(1.0, 3 / c**2), 0.5, "attenuate(1, 3 / c^2)", "1 / sqrt(1 + 3)")
    check.by_hand(attenuate([0.0, 2.0], 0.0), [0, 2], "attenuate([0, 2], 0)", "psi = 0")


# %%
@test_case()
def form_of_the_conditional_odds_ratio(con_or):
    from hlmtools import check

    check.no_slip("con_or", con_or)
    check.number(con_or, "con_or", low=1)


# %%
@test_case()
def form_of_the_marginal_odds_ratio(con_marginal_or):
    from hlmtools import check

    check.number(con_marginal_or, "con_marginal_or", low=1)
    check.no_slip("con_marginal_or", con_marginal_or)


# %%
@test_case()
def form_of_the_attenuated_effects(con_attenuated_or, ohio_attenuated_smoke):
    from hlmtools import check

    check.number(con_attenuated_or, "con_attenuated_or", low=1)
    check.no_slip("con_attenuated_or", con_attenuated_or)
    check.number(ohio_attenuated_smoke, "ohio_attenuated_smoke")
    check.no_slip("ohio_attenuated_smoke", ohio_attenuated_smoke)


# %%
@test_case(points=1, hidden=True)
def odds_ratio_at_other_values(marginal_or):
    from autograder import expect

    for xb, beta, psi in [(-1.4, 0.9, 2.2), (0.6, -1.5, 0.7), (2.0, 0.5, 0.0)]:
        expect.agrees(
            "marginal_or", marginal_or, xb, beta, psi, tolerance="ratio", name="other values"
        )


# %%
@test_case(points=1, hidden=True)
def attenuation_at_other_values(attenuate):
    import numpy as np

    from autograder import expect

    expect.agrees("attenuate", attenuate, -0.8, 2.2, name="other values")
    expect.agrees("attenuate", attenuate, np.array([0.4, 0.0, -2.0]), 5.5, name="an array")


# %%
@test_case(points=0.5, hidden=True)
def negative_variance_attenuates_nothing(attenuate, marginal_or):
    from autograder import expect

    expect.raises(ValueError, attenuate, 0.3, -1.0, name="a negative psi")
    expect.raises(ValueError, marginal_or, 0.1, 0.3, -1.0, name="a negative psi")


# %%
@test_case(points=0.5, hidden=True)
def odds_ratio_within_a_district(con_or, con_urban):
    import math

    from autograder import expect

    expect.quantity("con_or", con_or, follows=lambda: math.exp(con_urban))


# %%
@test_case(points=0.5, hidden=True)
def odds_ratio_over_districts(con_marginal_or, con_xb_rural, con_urban, con_psi):
    from autograder import expect

    expect.quantity(
        "con_marginal_or",
        con_marginal_or,
        follows=lambda: expect.solved().marginal_or(con_xb_rural, con_urban, con_psi),
    )


# %%
@test_case(points=0.5, hidden=True)
def approximate_effects(con_attenuated_or, con_urban, con_psi, ohio_attenuated_smoke):
    import math

    from autograder import expect

    def own():
        return math.exp(expect.solved().attenuate(con_urban, con_psi))

    expect.quantity("con_attenuated_or", con_attenuated_or, follows=own)
    expect.quantity("ohio_attenuated_smoke", ohio_attenuated_smoke)


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# For districts the two odds ratios are close, because districts differ little.
# For children they are not: the conditional coefficient of `smoke`, 0.46, is the difference between two children *with the same effect*, one whose mother smokes and one whose mother does not; averaged over children it shrinks to something near 0.3, and GEE, which aims at the average, gives about that.
# Neither method is biased.
# They answer different questions, and a report has to say which.

# %% [markdown]
# ## 4.7 Predict the districts' effects
# The posterior of $\zeta_j$ was normal in Homework 1, so that its mean and its mode were the same number.
# Here they are not.
# The **mode** is what lme4's `ranef` reports.
# The **posterior mean** (empirical Bayes) is an integral, and the nodes of Task 4.2 do it: with $v_r = \hat u_j + \tau_j z_r$ and weights
#
# $$
# p_{jr} \propto \exp \bigl[ f_j(v_r) + z_r^2 / 2 + \log w_r \bigr], \quad \sum_r p_{jr} = 1, \qquad
# \tilde\zeta_j = \sigma \sum_r p_{jr} v_r .
# $$
#
# The posterior standard deviation comes from the same weights.

# %% [raw]
# # BEGIN QUESTION
# name: task4_7

# %% [markdown]
# **Write** `eb_mean_mode(fit, k=30)`, a table with the columns `mode`, `mean` and `sd`, in log-odds.
#
# **Apply** it to `con_fit`: `con_effects`, and from it `con_eb_mode_11`, `con_eb_mean_11` and `con_eb_sd_11` for district `"11"`, and `con_eb_mean_10` for district `"10"`.

# %%
# con_effects = eb_mean_mode(...)
# BEGIN SOLUTION 4.7 NO PROMPT
con_effects = eb_mean_mode(con_fit)
# END SOLUTION
con_eb_mode_11 = con_effects.loc["11", "mode"]  # SOLUTION 4.7
con_eb_mean_11 = con_effects.loc["11", "mean"]  # SOLUTION 4.7
con_eb_sd_11 = con_effects.loc["11", "sd"]  # SOLUTION 4.7
con_eb_mean_10 = con_effects.loc["10", "mean"]  # SOLUTION 4.7

# %% [markdown]
# **Draw** a caterpillar plot of the posterior means with `plots.caterpillar`, districts 3, 11 and 14 highlighted.
# (The function wants the columns `eb` and `comp_se`: rename `mean` and `sd`.)
#
# **Read** it: `highest_district` is the label of the district with the highest posterior mean.

# %%
# the caterpillar plot
# BEGIN SOLUTION 4.7
table = con_effects.rename(columns={"mean": "eb", "sd": "comp_se"})
ax = plots.caterpillar(table, highlight=["3", "11", "14"], unit="log-odds")
# END SOLUTION

# %%
highest_district = con_effects["mean"].idxmax()  # SOLUTION 4.7

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_eb_mean_mode(eb_mean_mode):
    import pandas as pd

    from hlmtools import check
    from hlmtools.records import LogitResult

    y, g = pd.Series([0, 1, 1, 1]), pd.Series(["a", "a", "b", "b"])
    X, params = pd.DataFrame({"const": [1.0] * 4}), pd.Series({"const": 0.0})
    table = eb_mean_mode(LogitResult(params, params, 4.0, -2.6, 15, False, y, X, g))
    check.frame(table, "eb_mean_mode(...)", columns=["mode", "mean", "sd"], index=["a", "b"])
    check.by_hand(round(abs(table["mode"]["a"]), 8), 0, "mode of 0, 1", "by symmetry")
    check.by_hand(round(abs(table["mean"]["a"]), 8), 0, "mean of 0, 1", "by symmetry")
    check.number(table["mean"]["b"] - table["mode"]["b"], "mean minus mode of 1, 1", low=0)


# %%
@test_case()
def form_of_the_mode_in_log_odds(con_eb_mode_11):
    from hlmtools import check

    check.number(con_eb_mode_11, "con_eb_mode_11", high=0)
    check.no_slip("con_eb_mode_11", con_eb_mode_11)


# %%
@test_case()
def form_of_the_posterior_means(con_eb_mean_11, con_eb_mean_10):
    from hlmtools import check

    check.number(con_eb_mean_11, "con_eb_mean_11", high=0)
    check.no_slip("con_eb_mean_11", con_eb_mean_11)
    check.number(con_eb_mean_10, "con_eb_mean_10")
    check.no_slip("con_eb_mean_10", con_eb_mean_10)


# %%
@test_case()
def form_of_the_posterior_sd(con_eb_sd_11, highest_district):
    from hlmtools import check

    check.number(con_eb_sd_11, "con_eb_sd_11", low=0)
    check.no_slip("con_eb_sd_11", con_eb_sd_11)
    assert isinstance(highest_district, str), "highest_district is a label: text such as '11'."


# %%
@test_case(points=1.5, hidden=True)
def predictions_for_other_clusters(eb_mean_mode):
    import pandas as pd

    from autograder import expect
    from hlmtools.records import LogitResult
    from hlmtools.simulate import two_level_logit

    d = two_level_logit(psi=3, sizes=[3, 8, 2, 15, 5, 1], beta=(-0.8, 0.6), seed=4701)
    X = pd.DataFrame({"const": 1.0, "x": d["x"]})
    params = pd.Series({"const": -0.5, "x": 0.7})
    fit = LogitResult(params, params, 2.6, -20.0, 15, False, d["y"], X, d["g"])
    expect.agrees(
        "eb_mean_mode", eb_mean_mode, fit, k=20, tolerance="prediction", name="other clusters"
    )
    want = expect.solved().eb_mean_mode(fit, k=20)
    got = eb_mean_mode(fit, k=20)
    expect.frame(got, want, "prediction", "the table", columns=["mode", "mean"])


# %%
@test_case(points=0.5, hidden=True)
def no_variance_no_effects(eb_mean_mode):
    import pandas as pd

    from autograder import expect
    from hlmtools.records import LogitResult

    y, g = pd.Series([0, 1, 1, 0]), pd.Series(["a", "a", "b", "b"])
    X, params = pd.DataFrame({"const": [1.0] * 4}), pd.Series({"const": 0.2})
    table = eb_mean_mode(LogitResult(params, params, 0.0, -2.8, 15, True, y, X, g))
    expect.close(table.to_numpy(), [[0.0] * 3] * 2, tolerance="zero", name="effects at psi = 0")


# %%
@test_case(points=0.5, hidden=True)
def mode_in_log_odds_of_district_11(con_eb_mode_11, con_fit):
    from autograder import expect

    def own():
        return float(expect.solved().eb_mean_mode(con_fit).loc["11", "mode"])

    expect.quantity("con_eb_mode_11", con_eb_mode_11, follows=own)


# %%
@test_case(points=0.5, hidden=True)
def posterior_means_of_two_districts(con_eb_mean_11, con_eb_mean_10, con_fit):
    from autograder import expect

    def own(label):
        return float(expect.solved().eb_mean_mode(con_fit).loc[label, "mean"])

    expect.quantity("con_eb_mean_11", con_eb_mean_11, follows=lambda: own("11"))
    expect.quantity("con_eb_mean_10", con_eb_mean_10, follows=lambda: own("10"))


# %%
@test_case(points=0.5, hidden=True)
def posterior_sd_of_district_11(con_eb_sd_11, con_fit):
    from autograder import expect

    def own():
        return float(expect.solved().eb_mean_mode(con_fit).loc["11", "sd"])

    expect.quantity("con_eb_sd_11", con_eb_sd_11, follows=own)


# %%
@test_case(points=0.5, hidden=True)
def reading_of_the_caterpillar(highest_district):
    from autograder import expect

    expect.true(highest_district == "34", "highest_district is not the highest prediction.")


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# Look at your picture.
# District 3, where both of two women said yes, is not among the first ten: two women say little.
# District 11, where none of 21 did, is second from the lower end, behind district 1 with its 117 women, and its interval just reaches 0.
# Its posterior mean lies further out than its mode, because the posterior leans that way.
# As in Homework 1, most intervals overlap, and the picture ranks nobody.

# %% [markdown]
# ## 4.8 Test whether districts differ
# The smaller model is the ordinary logistic regression with the same covariates, *fitted anew*: its coefficients are not those of the larger model.
# The statistic is $L = 2(\ell_1 - \ell_0)$, and as in Homework 1 a variance of zero lies at the edge of what is possible, so that $p = \frac12 P(\chi^2_1 > L)$ for $L > 0$ and $p = 1$ for $L = 0$.

# %% [raw]
# # BEGIN QUESTION
# name: task4_8

# %% [markdown]
# **Write** `lrt_psi(fit)`, which returns the plain tuple `(L, p)`.
#
# **Apply** it to `con_fit`: `con_lrt`, the statistic.
#
# **On a part of the data.** Do districts differ among the 530 women without living children?
# Fit `use` on `const`, `urban` and `age` for `childless`: `childless_fit`, and from it `childless_lrt` and `childless_lrt_p`.

# %%
con_lrt = lrt_psi(con_fit)[0]  # SOLUTION 4.8

# %%
childless = contraception[contraception["livch"] == "0"]
childless_X = con_X.loc[childless.index, ["const", "urban", "age"]]

# %%
# BEGIN SOLUTION 4.8 NO PROMPT
childless_fit = fit_logit_ri(childless["use"], childless_X, childless["district"])
# END SOLUTION
childless_lrt = lrt_psi(childless_fit)[0]  # SOLUTION 4.8
childless_lrt_p = lrt_psi(childless_fit)[1]  # SOLUTION 4.8

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_lrt_psi(lrt_psi):
    import math

    import pandas as pd

    from hlmtools import check
    from hlmtools.records import LogitResult

    y, g = pd.Series([1, 1, 1, 0]), pd.Series(["a", "a", "b", "b"])
    X, params = pd.DataFrame({"const": [1.0] * 4}), pd.Series({"const": 1.0})
    smaller = 3 * math.log(3 / 4) + math.log(1 / 4)
    result = lrt_psi(LogitResult(params, params, 1.0, smaller + 1.5, 15, False, y, X, g))
    assert isinstance(result, tuple), "lrt_psi should return a tuple of two numbers (L, p)."
    assert len(result) == 2, "lrt_psi should return a tuple of two numbers (L, p)."
    why = "the smaller model gives 3 log(3/4) + log(1/4); the fit lies 1.5 above it"
    check.by_hand(round(result[0], 6), 3, "L", why)
    check.by_hand(round(result[1], 5), 0.04163, "p", "half of 0.08326, the tail of chi2_1 beyond 3")


# %%
@test_case()
def form_of_the_test_of_districts(con_lrt):
    from hlmtools import check

    check.no_slip("con_lrt", con_lrt)
    check.number(con_lrt, "con_lrt", low=0)


# %%
@test_case()
def form_of_the_statistic_of_the_childless(childless_lrt):
    from hlmtools import check

    check.number(childless_lrt, "childless_lrt", low=0)
    check.no_slip("childless_lrt", childless_lrt)


# %%
@test_case()
def form_of_the_p_value_of_the_childless(childless_lrt_p):
    from hlmtools import check

    check.number(childless_lrt_p, "childless_lrt_p", low=0, high=1)
    check.no_slip("childless_lrt_p", childless_lrt_p)


# %%
@test_case(points=1, hidden=True)
def test_on_other_data(lrt_psi):
    import pandas as pd

    from autograder import expect
    from hlmtools.records import LogitResult
    from hlmtools.simulate import two_level_logit

    d = two_level_logit(psi=0.5, sizes=[6, 9, 4, 12, 7, 10], beta=(-0.3, 0.9), seed=4801)
    X = pd.DataFrame({"const": 1.0, "x": d["x"]})
    params = pd.Series({"const": 0.0, "x": 0.0})
    for llf in (-31.8, -27.5, -26.0):
        fit = LogitResult(params, params, 0.4, llf, 15, False, d["y"], X, d["g"])
        stat = expect.solved().lrt_psi(fit)[0]
        expect.agrees("lrt_psi", lrt_psi, fit, tolerance="deviance", name="other data")
        expect.close(lrt_psi(fit)[0], stat, "deviance", "L on other data")


# %%
@test_case(points=1, hidden=True)
def no_improvement_has_probability_one(lrt_psi):
    import math

    import pandas as pd

    from autograder import expect
    from hlmtools.records import LogitResult

    y, g = pd.Series([1, 0, 1, 0]), pd.Series(["a", "a", "b", "b"])
    X, params = pd.DataFrame({"const": [1.0] * 4}), pd.Series({"const": 0.0})
    llf = -4 * math.log(2) - 1e-12
    stat, p = lrt_psi(LogitResult(params, params, 0.0, llf, 15, True, y, X, g))
    expect.close(stat, 0.0, "zero", "L of a singular fit")
    expect.close(p, 1.0, "closed_form", "p of a singular fit")


# %%
@test_case(points=0.5, hidden=True)
def statistic_of_the_districts(con_lrt, con_fit):
    from autograder import expect

    expect.quantity("con_lrt", con_lrt, follows=lambda: expect.solved().lrt_psi(con_fit)[0])


# %%
@test_case(points=0.5, hidden=True)
def statistic_of_the_childless(childless_lrt):
    from autograder import expect

    expect.quantity("childless_lrt", childless_lrt)


# %%
@test_case(points=0.5, hidden=True)
def p_value_of_the_childless(childless_lrt_p, childless_lrt):
    from autograder import expect

    def own():
        from scipy.stats import chi2

        return float(chi2.sf(childless_lrt, 1) / 2)

    expect.quantity("childless_lrt_p", childless_lrt_p, follows=own)


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# Districts differ beyond doubt, among all women and among the childless.
# The test says *that*; the median odds ratio of Task 4.4 says *how much*.

# %% [markdown]
# ## 4.9 Say it in words
# Two short answers, which your instructor reads.
# Four points each: for the right number with its unit and its level, with what it is conditional on, the assumption that makes it valid, and one limit.
# Three where one of these is missing; two for a right number in a sentence that claims a cause, confuses the levels, or reads odds as probabilities; one for a direction only; none for the wrong quantity.

# %% [raw]
# # BEGIN QUESTION
# name: task4_9a
# manual: true
# points: 4

# %% [markdown]
# **4.9a "Twice as likely".**
# A report on these data says: "Women in urban areas are twice as likely to use contraception."
# Say what is wrong with the sentence, and write the sentence, or the two sentences, that should stand there.
# Use numbers from Tasks 4.3, 4.5 and 4.6, in five to eight sentences.

# %% [raw]
# # BEGIN SOLUTION

# %% [markdown]
# The number two is an odds ratio, and the sentence reads it as a ratio of probabilities; it also does not say which women are compared.
# Among women with one child and of average age, the average probability over districts is 0.37 in villages and 0.54 in towns: one and a half times as likely, 17 percentage points more, not twice.
# What the model estimates is conditional: for two women of the same district, the same age and the same number of living children, the odds of using contraception are 2.08 times as high for the one who lives in a town (95 percent interval 1.65 to 2.63).
# Averaged over districts the odds ratio is 2.01; the two are close because districts differ little (variance 0.22 squared log-odds).
# Both hold if the effect of the district has nothing to do with the share of its women who live in towns, if living in a town has the same effect in all districts, and if effects of districts are normal.
# And the comparison is no experiment: women in towns differ from women in villages in schooling and access to clinics, which are not in the model, so moving to a town need not change anything.

# %% [raw]
# # END SOLUTION

# %% [raw]
# # END QUESTION

# %% [raw]
# # BEGIN QUESTION
# name: task4_9b
# manual: true
# points: 4

# %% [markdown]
# **4.9b Which coefficient of smoking?**
# For the children of `ohio` the random-intercept model gives 0.46 for `smoke`, GEE gives 0.31, and a colleague asks which of the two is biased.
# Answer him, and say for which question you would report which number, and what each of the two methods assumes.
# (With the interaction in the model, the coefficient of `smoke` is the difference at age 9.)
# Say also why it mattered here, and not for `contraception`, how many nodes were used.

# %% [raw]
# # BEGIN SOLUTION

# %% [markdown]
# Neither is biased; they estimate different quantities, and 0.46, attenuated for a variance between children of 4.7 squared log-odds, is about 0.29, near the 0.31 of GEE.
# The random-intercept coefficient is conditional: for two nine-year-olds with the same unobserved tendency to wheeze, the log-odds of wheezing differ by 0.46 (odds ratio 1.59) between a child whose mother smoked and one whose mother did not.
# The GEE coefficient is marginal: among all nine-year-olds the odds of wheezing are exp(0.31) = 1.37 times as high where the mother smoked.
# A health officer who asks how many fewer children would wheeze wants the marginal one; who asks about a given child, or wants predictions for children, wants the conditional one.
# The first rests on normal effects of children that are independent of smoking, and on independent answers given the child; GEE needs only the mean to be right, with robust standard errors, but its estimates are valid with incomplete data only if data are missing completely at random.
# Both standard errors are large (0.29 and 0.19), so that the data are compatible with no difference; and neither number is causal, since mothers who smoke differ in other ways.
# Four answers a child leave a skewed posterior under a large variance, so one node overstates the variance (5.5 against 4.7); districts have 32 women on average and a small variance, and there one node is nearly enough.

# %% [raw]
# # END SOLUTION

# %% [raw]
# # END QUESTION

# %% [markdown]
# ## The answer to the opening questions
# *Do women in towns use contraception more than women in villages of the same district?*
# Yes: at the same age and with the same number of living children the odds are about 2.1 times as high (95 percent interval about 1.6 to 2.6).
# For women with one child and of average age that is, averaged over districts, a share of about 54 percent in towns against 37 percent in villages.
#
# *How much does it matter in which district a woman lives?*
# Less than living in a town, and not little: two districts drawn at random differ by an odds ratio of about 1.6 in the median.
# Only some 6 percent of the variance of the inclination to use contraception lies between districts.
#
# **What this rests on.**
# Districts are treated as independent draws from one normal distribution of effects that have nothing to do with the covariates of their women.
# Women of one district answer independently given its effect.
# Effects add up on the log-odds scale, and living in a town has the same effect everywhere; with a random slope for `urban` (Homework 3) one would find that this is doubtful, for towns differ between districts.
#
# **What it does not say.**
# It does not say that moving to a town would change anything for a woman: the two groups differ in more than their place.
# It does not rank districts.
# And its odds ratio belongs to the comparison *within* a district: whoever wants the difference between all women in towns and all women in villages has to average, and to say so.
