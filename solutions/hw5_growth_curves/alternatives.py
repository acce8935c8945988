"""Homework 5: other right ways; each has to pass every test of its task."""

import numpy as np
import pandas as pd
from scipy import optimize

from autograder.slips import Alternative
from hlmtools.growth import cross_products, growth_profile, var_at
from hlmtools.records import CrossProducts, GrowthProfile, GrowthResult


def melted(wide, times, keep=()):
    if wide.index.has_duplicates:
        raise ValueError("a person with two rows")
    if not {*times, *keep} <= set(wide.columns):
        raise ValueError("an unknown column")
    table = wide[[*times, *keep]].rename_axis(index="person").reset_index()
    long = table.melt(["person", *keep], list(times), "time", "y")
    long["time"] = long["time"].map(dict(times)).astype(float)
    long = long[long["y"].notna()].sort_values(["person", "time"], ignore_index=True)
    return long[["person", "time", "y", *keep]]


def time_in_a_loop(t, origin=0.0, unit=1.0):
    if unit <= 0:
        raise ValueError("no unit")
    return np.array([each / unit - origin / unit for each in t])


def products_person_by_person(y, X, Z, g):
    X, Z = pd.DataFrame(X).reset_index(drop=True), pd.DataFrame(Z).reset_index(drop=True)
    y, g = np.array(y, dtype=float), pd.Series(list(g))
    if len({len(part) for part in (y, X, Z, g)}) > 1 or y.size == 0:
        raise ValueError("unequal lengths, or no rows")
    x, z = X.to_numpy(float), Z.to_numpy(float)
    if g.isna().any() or not all(np.isfinite(part).all() for part in (y, x, z)):
        raise ValueError("missing values")
    persons = [(label, rows.index.to_numpy()) for label, rows in g.groupby(g)]
    return CrossProducts(
        clusters=pd.Index([label for label, _ in persons]),
        n=np.array([len(rows) for _, rows in persons]),
        ZZ=np.array([z[rows].T @ z[rows] for _, rows in persons]),
        ZX=np.array([z[rows].T @ x[rows] for _, rows in persons]),
        Zy=np.array([z[rows].T @ y[rows] for _, rows in persons]),
        XX=x.T @ x,
        Xy=x.T @ y,
        yy=y @ y,
        x_names=tuple(X.columns),
        z_names=tuple(Z.columns),
    )


def profile_by_cholesky_of_the_whole(theta, cross):
    """One triangular factor a person, of the matrix of Z, X and y together (Bates et al. 2015)."""
    q, p = cross.ZX.shape[1:]
    if np.shape(theta) != (q * (q + 1) // 2,):
        raise ValueError("too many numbers, or too few")
    Lambda = np.zeros((q, q))
    values = iter(theta)
    for column in range(q):
        for row in range(column, q):
            Lambda[row, column] = next(values)
    both = np.concatenate([cross.ZX, cross.Zy[:, :, None]], axis=2)  # (J, q, p + 1)
    root = np.linalg.cholesky(np.eye(q) + Lambda.T @ cross.ZZ @ Lambda)
    side = np.linalg.solve(root, Lambda.T @ both).reshape(-1, p + 1)
    rest = np.block([[cross.XX, cross.Xy[:, None]], [cross.Xy, cross.yy]]) - side.T @ side
    log_det = 2 * np.log(np.diagonal(root, axis1=1, axis2=2)).sum()
    M, m = rest[:p, :p], rest[:p, p]
    beta = np.linalg.inv(M) @ m
    sigma2 = (rest[p, p] - m @ beta) / cross.n.sum()
    deviance = log_det + cross.n.sum() * np.log(2 * np.pi * np.e * sigma2)
    return GrowthProfile(deviance, sigma2, beta, sigma2 * np.linalg.inv(M))


def fit_without_bounds(y, X, Z, g, correlated=True):
    cross = cross_products(y, X, Z, g)
    if len(cross.clusters) == 1 or np.linalg.cond(cross.XX) > 1e14:
        raise ValueError("one person, or columns that depend on each other")
    q = len(cross.z_names)
    at = [(row, column) for column in range(q) for row in range(column, q)]
    free = [k for k, (row, column) in enumerate(at) if correlated or row == column]

    def theta(values):
        full = np.zeros(len(at))
        full[free] = values
        return full

    def deviance(values):
        return growth_profile(theta(values), cross).deviance

    identity = np.array([float(at[k][0] == at[k][1]) for k in free])
    near = optimize.minimize(deviance, identity, method="BFGS").x
    best = optimize.minimize(deviance, near, method="BFGS", jac="3-point").x
    profile = growth_profile(theta(best), cross)
    Lambda = np.zeros((q, q))
    for k, place in enumerate(at):
        Lambda[place] = theta(best)[k]
    names = list(cross.x_names)
    return GrowthResult(
        beta=pd.Series(profile.beta, names),
        cov_beta=pd.DataFrame(profile.cov_beta, names, names),
        Psi=profile.sigma2 * (Lambda @ Lambda.T),
        sigma2=profile.sigma2,
        deviance=profile.deviance,
        singular=bool((abs(Lambda.diagonal()) < 1e-4).any()),
        cross=cross,
    )


def shift_entry_by_entry(Psi, beta, c):
    if np.shape(Psi) != (2, 2) or np.shape(beta) != (2,):
        raise ValueError("no line")
    (psi11, psi12), (psi21, psi22) = np.asarray(Psi, dtype=float).tolist()
    moved = [[psi11 + c * (psi12 + psi21) + c * c * psi22, psi12 + c * psi22]]
    moved.append([psi21 + c * psi22, psi22])
    level, slope = np.asarray(beta, dtype=float)
    return np.array(moved), np.array([level + c * slope, slope])


def variance_as_a_polynomial(t, Psi, sigma2):
    if np.shape(Psi) != (2, 2) or sigma2 < 0:
        raise ValueError("no covariance matrix, or no variance")
    Psi = np.asarray(Psi, dtype=float)
    return np.polyval([Psi[1, 1], Psi[0, 1] + Psi[1, 0], Psi[0, 0] + sigma2], t)


def correlation_in_single_precision(t1, t2, Psi, sigma2):
    spread = np.sqrt(var_at(t1, Psi, sigma2)) * np.sqrt(var_at(t2, Psi, sigma2))
    first, second = np.broadcast_arrays(t1, t2)
    z1, z2 = (np.stack([np.ones(each.shape), each], axis=-1) for each in (first, second))
    return np.float32(np.einsum("...i,ij,...j->...", z1, np.asarray(Psi), z2) / spread)


def correlation_of_a_scaled_matrix(Psi):
    Psi = np.array(Psi, dtype=float)
    if Psi.shape != (2, 2) or np.any(Psi.diagonal() <= 0):
        raise ValueError("no variances")
    scale = np.diag(Psi.diagonal() ** -0.5)
    return (scale @ Psi @ scale)[1, 0]


def design_by_concatenation(t, W=None):
    frame = pd.DataFrame({"intercept": 1.0, "time": np.asarray(t, dtype=float)})
    if W is None:
        return frame
    if len(W) != len(frame):
        raise ValueError("unequal lengths")
    W = W.set_axis(frame.index).astype(float)
    return pd.concat([frame, W, W.mul(frame["time"], axis=0).add_prefix("time:")], axis=1)


def gap_term_by_term(fit, level, slope, t):
    if not {level, slope} <= set(fit.beta.index):
        raise ValueError("an unknown coefficient")
    V = fit.cov_beta
    variance = V[level][level] + t * (V[level][slope] + V[slope][level]) + t**2 * V[slope][slope]
    return fit.beta[level] + t * fit.beta[slope], variance**0.5


def shares_in_single_precision(Psi0, Psi1):
    before, after = (np.array(each, dtype=float) for each in (Psi0, Psi1))
    if before.ndim != 2 or before.shape != after.shape or min(before.diagonal()) <= 0:
        raise ValueError("two matrices that cannot be compared")
    return tuple(
        np.float32((b - a) / b) for b, a in zip(before.diagonal(), after.diagonal(), strict=True)
    )


def trajectories_from_a_root_of_Psi(fit):
    values, vectors = np.linalg.eigh(fit.Psi)
    root = vectors * np.sqrt(values.clip(0))  # Psi = root root'
    cross, rows = fit.cross, []
    for ZZ, ZX, Zy in zip(cross.ZZ, cross.ZX, cross.Zy, strict=True):
        weight = fit.sigma2 * np.eye(len(root)) + root.T @ ZZ @ root
        rows.append(root @ np.linalg.inv(weight) @ root.T @ (Zy - ZX @ fit.beta.to_numpy()))
    return pd.DataFrame(rows, cross.clusters, cross.z_names)


ALTERNATIVES = (
    Alternative("melt", melted, "person_period"),
    Alternative("a loop", time_in_a_loop, "code_time"),
    Alternative("a loop over persons", products_person_by_person, "cross_products"),
    Alternative("one factor a person", profile_by_cholesky_of_the_whole, "growth_profile"),
    Alternative("a search without bounds", fit_without_bounds, "growth_fit"),
    Alternative("entry by entry", shift_entry_by_entry, "shift_time"),
    Alternative("a polynomial", variance_as_a_polynomial, "var_at"),
    Alternative("quadratic forms, single precision", correlation_in_single_precision, "corr_at"),
    Alternative("a matrix scaled to 1", correlation_of_a_scaled_matrix, "corr_int_slope"),
    Alternative("tables side by side", design_by_concatenation, "growth_design"),
    Alternative("term by term", gap_term_by_term, "gap_at"),
    Alternative("single precision", shares_in_single_precision, "pseudo_r2"),
    Alternative("a root of Psi", trajectories_from_a_root_of_Psi, "trajectory_eb"),
)
