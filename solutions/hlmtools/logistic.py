"""Homework 4: the logistic model with a random intercept, by adaptive quadrature.

The model for unit i in cluster j is

    logit P(y_ij = 1 | u_j) = eta_ij + sigma u_j,   u_j ~ N(0, 1),   eta_ij = x_ij' beta,

with the y_ij independent of each other given the u_j, and the u_j independent of each other and
of the covariates.
zeta_j = sigma u_j is the effect of cluster j in log-odds, psi = sigma^2 its variance.
Tasks 4.1 to 4.8 are one function each (4.1, 4.4 and 4.6 have two), and later ones call earlier
ones.
Every function takes arrays and numbers, returns plain values, and prints nothing.
`y`, `eta` and `g` may be lists, arrays or pandas columns; the rows stand in any order.

Symbols: J clusters, n_j units in cluster j, N units in all, k nodes of quadrature; the table of
all symbols is in ``help(hlmtools)``.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import statsmodels.api as sm
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import ArrayLike
from scipy import optimize
from scipy.special import expit, logsumexp
from scipy.stats import chi2, norm

from hlmtools.numerical import derivatives
from hlmtools.records import LogitResult


def log_joint(u: ArrayLike, eta: ArrayLike, y: ArrayLike, g: ArrayLike, sigma: float) -> np.ndarray:
    """Logarithm of each cluster's likelihood at u_j, times the prior density of u_j.

    ::

        f_j(u) = sum_i [y_ij e_ij - log(1 + exp(e_ij))] - u^2 / 2 - log(2 pi) / 2,
        e_ij   = eta_ij + sigma u

    Parameters
    ----------
    u
        Cluster effects in standard deviations: one a cluster, shape (J,), or k a cluster, shape
        (J, k); clusters in the order of their sorted labels.
    eta
        Fixed part of the log-odds of each row, N numbers.
    y
        Response of each row, 0 or 1.
    g
        Cluster of each row, N labels.
    sigma
        Standard deviation of the cluster effects in log-odds.

    Returns
    -------
    f_j at each of the given u, in the shape of u.
    As a function of u it is the logarithm of the posterior density of u_j, up to a constant.

    Raises
    ------
    ValueError
        If y has a value other than 0 and 1, or eta, y and g differ in length.

    Notes
    -----
    ``np.logaddexp(0, e)`` is log(1 + exp(e)) for large e too.
    ``pd.factorize(g, sort=True)[0]`` numbers the clusters from 0 to J - 1, and
    ``np.bincount(number, weights=values)`` adds up values by cluster: no loop over clusters is
    needed, and the fit of Task 4.3 takes seconds instead of minutes.
    Source: lecture notes 4.3.

    Examples
    --------
    One cluster with y = 0, 1 at log-odds 0: 2 log(1/2) - log(2 pi)/2 at u = 0.

    >>> log_joint([0.0], [0.0, 0.0], [0, 1], ["a", "a"], 2.0).round(4).tolist()
    [-2.3052]
    """
    # BEGIN SOLUTION 4.1a
    eta, y, g = np.asarray(eta, dtype=float), np.asarray(y, dtype=float), np.asarray(g)
    if not (eta.shape == y.shape == g.shape and np.isin(y, (0, 1)).all()):
        raise ValueError(
            f"eta, y and g have shapes {eta.shape}, {y.shape} and {g.shape}; "
            "give three columns of the same length, with 0 and 1 in y."
        )
    cluster = pd.factorize(g, sort=True)[0]
    points = np.asarray(u, dtype=float)
    columns = points.reshape(len(points), -1)  # (J, k)
    likelihood = np.empty_like(columns)
    for r, column in enumerate(columns.T):
        e = eta + sigma * column[cluster]
        likelihood[:, r] = np.bincount(cluster, weights=y * e - np.logaddexp(0, e))
    return (likelihood - columns**2 / 2 - np.log(2 * np.pi) / 2).reshape(points.shape)
    # END SOLUTION


def cluster_mode(eta: ArrayLike, y: ArrayLike, g: ArrayLike, sigma: float) -> pd.DataFrame:
    """Find where each cluster's `log_joint` is highest, and how sharply it bends there.

    With mu_ij = 1 / (1 + exp(-e_ij)), the derivative and minus the second derivative are::

        f_j'(u)  = sigma sum_i (y_ij - mu_ij) - u
        H_j(u)   = sigma^2 sum_i mu_ij (1 - mu_ij) + 1

    Newton's method repeats u <- u + f'(u) / H(u), all clusters at once, until nothing moves.

    Parameters
    ----------
    eta, y, g, sigma
        As for `log_joint`.

    Returns
    -------
    One row a cluster, sorted by its label (the index, named ``cluster``), with columns ``mode``
    (u at the maximum, in standard deviations) and ``sd`` (1 / sqrt(H) at the mode).

    Raises
    ------
    ValueError
        As for `log_joint`.

    Notes
    -----
    A cluster in which all y are equal has a mode too: the prior holds it.
    Newton's step is too long where the curve is nearly straight, and can jump back and forth for
    ever.
    Keep an interval that holds the mode: -sigma n_j to sigma n_j to begin with (why?), cut off at
    u on the side to which f falls; where the step is longer than half of it, go to its middle.
    Go on until nothing moves by more than 1e-10.
    Source: lecture notes 4.3.

    Examples
    --------
    A cluster with one 0 and one 1 at log-odds 0 has its mode at 0, and H = 4 (1/4 + 1/4) + 1 = 3.

    >>> cluster_mode([0.0, 0.0], [0, 1], ["a", "a"], 2.0).round(4).to_numpy().tolist()
    [[0.0, 0.5774]]
    """
    # BEGIN SOLUTION 4.1b
    number, labels = pd.factorize(np.asarray(g), sort=True)
    eta, y = np.asarray(eta, dtype=float), np.asarray(y, dtype=float)
    u = np.zeros(len(labels))
    log_joint(u, eta, y, g, sigma)  # refuses what is not 0 and 1

    def derivatives(u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mu = expit(eta + sigma * u[number])
        slope = sigma * np.bincount(number, weights=y - mu) - u
        curvature = sigma**2 * np.bincount(number, weights=mu * (1 - mu)) + 1
        return slope, curvature

    high = np.abs(sigma) * np.bincount(number)
    low = -high
    for _ in range(200):
        slope, curvature = derivatives(u)
        # the mode lies to the right of u where f rises, to the left where it falls
        low, high = np.where(slope > 0, u, low), np.where(slope < 0, u, high)
        step, middle = slope / curvature, (low + high) / 2
        new = np.where(np.abs(step) > (high - low) / 2, middle, u + step)
        u, moved = new, np.abs(new - u).max()
        if moved < 1e-10:
            break
    sd = 1 / np.sqrt(derivatives(u)[1])
    return pd.DataFrame({"mode": u, "sd": sd}, index=pd.Index(labels, name="cluster"))
    # END SOLUTION


def agq_loglik(
    beta: ArrayLike, sigma: float, X: ArrayLike, y: ArrayLike, g: ArrayLike, k: int = 15
) -> float:
    """Log-likelihood of the model by adaptive Gauss-Hermite quadrature with k nodes a cluster.

    Each cluster's likelihood is an integral over its u, which has no formula::

        L_j = integral exp(f_j(u)) du

    Put the nodes where the integrand is: around the mode u_j, in units of tau_j = 1 / sqrt(H_j).
    With the nodes z_r and weights w_r of the standard normal density (they integrate against
    exp(-z^2 / 2), and the weights add up to sqrt(2 pi))::

        log L_j = log tau_j + log sum_r exp[ f_j(u_j + tau_j z_r) + z_r^2 / 2 + log w_r ]

    and the log-likelihood is the sum over clusters.

    Parameters
    ----------
    beta
        Fixed coefficients, p numbers.
    sigma
        Standard deviation of the cluster effects in log-odds; its sign does not matter.
    X
        Covariates, N rows and p columns, with a column of ones for the intercept.
    y, g
        Response (0 or 1) and cluster of each row.
    k
        Number of nodes; 1 is the Laplace approximation.

    Returns
    -------
    The log-likelihood; at sigma = 0 that of the ordinary logistic regression, for any k.

    Raises
    ------
    ValueError
        If k is below 1, and as for `log_joint`.

    Notes
    -----
    ``hermegauss(k)`` gives z and w.
    ``hermgauss``, without the e, is for another weight function, exp(-z^2).
    ``logsumexp(..., axis=1)`` adds up exponentials without underflow.
    Source: Pinheiro and Bates (1995), Journal of Computational and Graphical Statistics 4, 12-35;
    lecture notes 4.3.

    Examples
    --------
    One cluster with y = 0, 1 at log-odds 0, sigma = 2, one node: 2 log(1/2) + log(1 / sqrt(3)).

    >>> round(agq_loglik([0.0], 2.0, [[1.0], [1.0]], [0, 1], ["a", "a"], k=1), 6)
    -1.935601
    """
    # BEGIN SOLUTION 4.2
    if k < 1:
        raise ValueError(f"k is {k}; give a number of nodes of 1 or more.")
    eta = np.asarray(X, dtype=float) @ np.asarray(beta, dtype=float)
    mode, tau = cluster_mode(eta, y, g, sigma).to_numpy().T
    z, w = hermegauss(k)
    nodes = mode[:, None] + tau[:, None] * z  # (J, k)
    terms = log_joint(nodes, eta, y, g, sigma) + z**2 / 2 + np.log(w)
    return float(np.sum(np.log(tau) + logsumexp(terms, axis=1)))
    # END SOLUTION


def fit_logit_ri(y: ArrayLike, X: pd.DataFrame, g: ArrayLike, k: int = 15) -> LogitResult:
    """Fit the logistic model with a random intercept by maximum likelihood.

    Maximize `agq_loglik` over (beta, sigma); psi = sigma^2.
    The standard errors come from the curvature at the maximum::

        Cov(beta, sigma) = [minus the matrix of second derivatives of the log-likelihood]^-1

    Parameters
    ----------
    y
        Response, 0 or 1.
    X
        Covariates with names, among them a column of ones for the intercept.
    g
        Cluster of each row.
    k
        Number of nodes.

    Returns
    -------
    A `hlmtools.records.LogitResult`: params and bse (Series by the columns of X), psi (squared
    log-odds), llf, k, singular, and the data y, X, g.
    Where no positive sigma beats sigma = 0, psi is exactly 0, singular is True, and the standard
    errors are those of the ordinary logistic regression.

    Raises
    ------
    ValueError
        With fewer than two clusters, with missing values, if all y are equal or not 0 and 1.

    Notes
    -----
    ``sm.Logit(y, X).fit(disp=0)`` of statsmodels is the ordinary logistic regression: start at its
    coefficients and at a sigma between 0.5 and 1, and compare with its log-likelihood at the end.
    The log-likelihood is symmetric in sigma, so sigma needs no bound; take its absolute value.
    Number the clusters once (``pd.factorize``): sorting text labels anew at each step takes time.
    ``optimize.minimize(..., method="BFGS")`` comes near the maximum; its ``hess_inv`` is a working
    approximation and no covariance matrix.
    ``derivatives(function, at, steps)``, imported above, gives gradient and second derivatives;
    with them a Newton step or two brings the last digits, and psi is checked to one part in a
    thousand.
    Steps of ``0.02 / sqrt(sum(x^2))`` for the coefficient of a column x, and 0.001 for sigma, are
    about a hundredth of a standard error; a hundred times that is a good unit for the search.
    Source: lecture notes 4.4.

    Examples
    --------
    Every cluster has one 0 and one 1, so that clusters do not differ: psi is 0, and the
    log-likelihood is 6 log(1/2).

    >>> ones = pd.DataFrame({"const": np.ones(6)})
    >>> fit = fit_logit_ri([0, 1, 0, 1, 0, 1], ones, ["a", "a", "b", "b", "c", "c"])
    >>> round(float(fit.params["const"]), 6), fit.psi, round(fit.llf, 4), fit.singular
    (0.0, 0.0, -4.1589, True)
    """
    # BEGIN SOLUTION 4.3
    X = pd.DataFrame(X).astype(float).reset_index(drop=True)
    y, g = pd.Series(np.asarray(y)), pd.Series(np.asarray(g))
    if y.isna().any() or g.isna().any() or not np.isfinite(X.to_numpy()).all():
        raise ValueError("y, X or g has missing values; drop those rows first, and say so.")
    if g.nunique() < 2 or set(y) != {0, 1}:
        raise ValueError(
            f"{g.nunique()} clusters, y has the values {sorted(set(y))[:5]}; "
            "a fit needs at least two clusters, and both 0 and 1 in y and nothing else."
        )
    number, response, columns = pd.factorize(g)[0], y.to_numpy(dtype=float), X.to_numpy()

    plain = sm.Logit(response, columns).fit(disp=0, method="newton", tol=1e-10)
    steps = np.append(0.02 / np.sqrt((columns**2).sum(axis=0)), 1e-3)
    scale = 100 * steps  # parameters in units of a standard error suit the search

    def criterion(theta: np.ndarray) -> float:
        beta, sigma = theta[:-1], theta[-1]
        return -agq_loglik(beta, sigma, columns, response, number, k)

    start = np.append(plain.params, 0.7) / scale
    search = optimize.minimize(lambda t: criterion(t * scale), start, options={"gtol": 1e-2})
    best = search.x * scale
    for _ in range(5):
        gradient, hessian = derivatives(criterion, best, steps)
        move = np.linalg.solve(hessian, gradient)
        best = best - move
        if (np.abs(move) < steps / 20).all():
            break
    # sigma = 0 wins unless it is beaten by more than rounding error
    singular = bool(-criterion(best) <= plain.llf + 1e-8)
    beta, sigma = (plain.params, 0.0) if singular else (best[:-1], best[-1])
    bse = plain.bse if singular else np.sqrt(np.diag(np.linalg.inv(hessian)))[:-1]
    return LogitResult(
        params=pd.Series(beta, index=X.columns),
        bse=pd.Series(bse, index=X.columns),
        psi=float(sigma**2),
        llf=float(plain.llf) if singular else -criterion(best),
        k=k,
        singular=singular,
        y=y,
        X=X,
        g=g,
    )
    # END SOLUTION


def icc_latent(psi: float) -> float:
    """Intraclass correlation of the latent responses.

    ::

        icc = psi / (psi + pi^2 / 3)

    Behind each 0 or 1 one can imagine a continuous y* that crosses 0 where y turns from 0 to 1;
    given its cluster it follows a standard logistic distribution, whose variance is pi^2 / 3.

    Parameters
    ----------
    psi
        Between-cluster variance, in squared log-odds.

    Returns
    -------
    A number from 0 to 1 without unit; 0 where psi is 0.

    Raises
    ------
    ValueError
        If psi is negative.

    Notes
    -----
    It is the correlation of y*, not of the observed 0 and 1, which is smaller.
    Source: Snijders and Bosker (2012), chapter 17; lecture notes 4.5.

    Examples
    --------
    A psi as large as the variance within:

    >>> round(icc_latent(np.pi**2 / 3), 6)
    0.5
    """
    # BEGIN SOLUTION 4.4a
    if not psi >= 0:
        raise ValueError(f"psi is {psi}; give a variance of 0 or more.")
    return float(psi / (psi + np.pi**2 / 3))
    # END SOLUTION


def mor(psi: float) -> float:
    """Median odds ratio: how much two clusters differ, as an odds ratio.

    ::

        mor = exp( sqrt(2 psi) Phi^-1(0.75) )

    Take two clusters at random and two units with the same covariates, one from each.
    The odds ratio of the one in the cluster with the higher odds against the other exceeds the
    mor in half of such draws.

    Parameters
    ----------
    psi
        Between-cluster variance, in squared log-odds.

    Returns
    -------
    A number of 1 or more without unit; 1 where psi is 0.

    Raises
    ------
    ValueError
        If psi is negative.

    Notes
    -----
    The difference of two effects has variance 2 psi, and Phi^-1(0.75) = 0.674490 is the median of
    the absolute value of a standard normal variable.
    Source: Larsen and Merlo (2005), American Journal of Epidemiology 161, 81-88; lecture notes
    4.5.

    Examples
    --------
    sqrt(2 * 0.5) = 1, and exp(0.674490):

    >>> round(mor(0.5), 6)
    1.963031
    """
    # BEGIN SOLUTION 4.4b
    if not psi >= 0:
        raise ValueError(f"psi is {psi}; give a variance of 0 or more.")
    return float(np.exp(np.sqrt(2 * psi) * norm.ppf(0.75)))
    # END SOLUTION


def marginal_prob(xb: ArrayLike, psi: float) -> float | np.ndarray:
    """Probability averaged over clusters, for units with fixed part xb.

    ::

        p = integral expit(xb + zeta) phi(zeta; 0, psi) dzeta
          ~ sum_r w_r expit(xb + sqrt(psi) z_r) / sqrt(2 pi)        with 30 nodes

    Parameters
    ----------
    xb
        Fixed part of the log-odds: one number, or an array.
    psi
        Between-cluster variance, in squared log-odds.

    Returns
    -------
    A probability where xb is one number, otherwise an array of the shape of xb.

    Raises
    ------
    ValueError
        If psi is negative.

    Notes
    -----
    expit(xb) is the probability in a cluster with zeta = 0, the median over clusters; the average
    over clusters lies nearer to 1/2, because the curve is bent.
    Source: lecture notes 4.6.

    Examples
    --------
    At log-odds 0 the clusters above and below balance:

    >>> round(marginal_prob(0.0, 2.0), 6), round(marginal_prob(1.0, 0.0), 6)
    (0.5, 0.731059)
    """
    # BEGIN SOLUTION 4.5
    if not psi >= 0:
        raise ValueError(f"psi is {psi}; give a variance of 0 or more.")
    z, w = hermegauss(30)
    fixed = np.asarray(xb, dtype=float)
    average = expit(fixed[..., None] + np.sqrt(psi) * z) @ w / np.sqrt(2 * np.pi)
    return average if fixed.ndim else float(average)
    # END SOLUTION


def marginal_or(xb: float, beta: float, psi: float) -> float:
    """Odds ratio of the averaged probabilities, for a difference of beta in the log-odds.

    ::

        p0 = marginal_prob(xb, psi),    p1 = marginal_prob(xb + beta, psi)
        OR = [p1 / (1 - p1)] / [p0 / (1 - p0)]

    Parameters
    ----------
    xb
        Fixed part of the log-odds of the reference group.
    beta
        Coefficient: difference in log-odds within a cluster.
    psi
        Between-cluster variance, in squared log-odds.

    Returns
    -------
    An odds ratio, without unit; exp(beta) where psi is 0, nearer to 1 otherwise.

    Raises
    ------
    ValueError
        If psi is negative.

    Notes
    -----
    It depends a little on xb: averaged over clusters, the model is not exactly logistic.
    Source: lecture notes 4.6.

    Examples
    --------
    >>> round(marginal_or(0.3, 0.7, 0.0), 6), round(float(np.exp(0.7)), 6)
    (2.013753, 2.013753)
    """
    # BEGIN SOLUTION 4.6a
    p0, p1 = marginal_prob(xb, psi), marginal_prob(xb + beta, psi)
    return float(p1 / (1 - p1) / (p0 / (1 - p0)))
    # END SOLUTION


def attenuate(beta: ArrayLike, psi: float) -> float | np.ndarray:
    """Approximate the coefficient of the averaged model from the conditional one.

    ::

        beta_marginal ~ beta / sqrt(1 + c^2 psi),    c = 16 sqrt(3) / (15 pi)

    Parameters
    ----------
    beta
        Conditional coefficient, in log-odds: one number, or an array.
    psi
        Between-cluster variance, in squared log-odds.

    Returns
    -------
    The approximate marginal coefficient, in log-odds, in the shape of beta.

    Raises
    ------
    ValueError
        If psi is negative.

    Notes
    -----
    It comes from a normal distribution that resembles the logistic one.
    Source: Zeger, Liang and Albert (1988), Biometrics 44, 1049-1060; lecture notes 4.6.

    Examples
    --------
    c = 0.588033; at psi = 1 / c^2 the factor is 1 / sqrt(2).

    >>> round(attenuate(1.0, 1 / 0.34578274), 4)
    0.7071
    """
    # BEGIN SOLUTION 4.6b
    if not psi >= 0:
        raise ValueError(f"psi is {psi}; give a variance of 0 or more.")
    c = 16 * np.sqrt(3) / (15 * np.pi)
    smaller = np.asarray(beta, dtype=float) / np.sqrt(1 + c**2 * psi)
    return smaller if smaller.ndim else float(smaller)
    # END SOLUTION


def eb_mean_mode(fit: LogitResult, k: int = 30) -> pd.DataFrame:
    """Predict each cluster's zeta_j: posterior mode, mean and standard deviation.

    With nodes as in `agq_loglik`, v_r = u_j + tau_j z_r, and weights that add up to 1 over r::

        p_jr ~ exp[ f_j(v_r) + z_r^2 / 2 + log w_r ]
        mode = sigma u_j
        mean = sigma sum_r p_jr v_r
        sd   = sigma sqrt( sum_r p_jr v_r^2 - [sum_r p_jr v_r]^2 )

    Parameters
    ----------
    fit
        A fitted model: params, psi, y, X and g are used.
    k
        Number of nodes.

    Returns
    -------
    One row a cluster, sorted by its label (the index, named ``cluster``), with columns ``mode``,
    ``mean`` and ``sd``, in log-odds; all 0 where psi is 0.

    Notes
    -----
    The posterior of zeta_j is not normal, and where it is skewed its mean lies further out than
    its mode.
    lme4's ``ranef`` gives the mode.
    Source: Rabe-Hesketh and Skrondal (2022), chapter 10; lecture notes 4.7.

    Examples
    --------
    >>> y, g = pd.Series([0, 1, 1, 1]), pd.Series(["a", "a", "b", "b"])
    >>> X, params = pd.DataFrame({"const": np.ones(4)}), pd.Series({"const": 0.0})
    >>> fit = LogitResult(params, params, 4.0, -2.6, 15, False, y, X, g)
    >>> eb_mean_mode(fit).abs().round(3).to_numpy().tolist()
    [[0.0, 0.0, 1.264], [1.482, 1.738, 1.423]]
    """
    # BEGIN SOLUTION 4.7
    sigma = np.sqrt(fit.psi)
    eta = fit.X.to_numpy() @ fit.params.to_numpy()
    table = cluster_mode(eta, fit.y, fit.g, sigma)
    mode, tau = table.to_numpy().T
    z, w = hermegauss(k)
    nodes = mode[:, None] + tau[:, None] * z
    terms = log_joint(nodes, eta, fit.y, fit.g, sigma) + z**2 / 2 + np.log(w)
    p = np.exp(terms - logsumexp(terms, axis=1, keepdims=True))
    mean = (p * nodes).sum(axis=1)
    spread = np.sqrt((p * (nodes - mean[:, None]) ** 2).sum(axis=1))
    columns = {"mode": sigma * mode, "mean": sigma * mean, "sd": sigma * spread}
    return pd.DataFrame(columns, index=table.index)
    # END SOLUTION


def lrt_psi(fit: LogitResult) -> tuple[float, float]:
    """Likelihood-ratio test of psi = 0, against the ordinary logistic regression.

    ::

        L = 2 (llf of the fit - llf of the logistic regression of y on X)
        p = P(chi2_1 > L) / 2   for L > 0,      p = 1   for L = 0

    Parameters
    ----------
    fit
        A fitted model: llf, y and X are used.

    Returns
    -------
    The statistic L (0 where rounding would make it negative) and the p-value; neither has a unit.

    Notes
    -----
    The smaller model has to be fitted too: its coefficients are not those of the larger one.
    ``sm.Logit(y, X).fit(disp=0).llf`` of statsmodels gives its log-likelihood.
    Source: Self and Liang (1987), JASA 82, 605-610; lecture notes 4.4, and 1.7 for the mixture.

    Examples
    --------
    Two thirds of six answers are 1: the log-likelihood of the smaller model is
    4 log(2/3) + 2 log(1/3) = -3.819, and 2 (-3 + 3.819) = 1.638.

    >>> y, g = pd.Series([1, 1, 1, 1, 0, 0]), pd.Series(list("aabbcc"))
    >>> X, params = pd.DataFrame({"const": np.ones(6)}), pd.Series({"const": 1.0})
    >>> stat, p = lrt_psi(LogitResult(params, params, 2.0, -3.0, 15, False, y, X, g))
    >>> round(stat, 3), round(p, 3)
    (1.638, 0.1)
    """
    # BEGIN SOLUTION 4.8
    smaller = sm.Logit(fit.y.to_numpy(), fit.X.to_numpy()).fit(disp=0, method="newton", tol=1e-10)
    stat = max(0.0, 2 * (fit.llf - smaller.llf))
    p = chi2.sf(stat, 1) / 2 if stat > 1e-8 else 1.0
    return float(stat), float(p)
    # END SOLUTION
