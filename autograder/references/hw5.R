# References of homework 5, growth curves: lme4 by maximum likelihood on the CSV files of data/.
# Writes the "fits" of hw5.json; run it with `python -m autograder.references hw5 --r`.

source("record.R")

egsingle <- dataset("egsingle", c("schoolid", "childid"))
sleepstudy <- dataset("sleepstudy", "Subject")
oxboys <- dataset("oxboys", "Subject")
egsingle$t_start <- egsingle$year + 2.5
egsingle$t_end <- egsingle$year - 2.5

growth_model <- function(formula, data) {
  fit <- lmer(formula, data, REML = FALSE, control = tight())
  fit@call$formula <- formula
  fit
}

# beta1, se1, beta2, se2, ... in the order of the formula
coefficient_numbers <- function(beta, covariance) {
  numbers <- c(as.list(beta), as.list(sqrt(diag(covariance))))
  setNames(numbers, c(paste0("beta", seq_along(beta)), paste0("se", seq_along(beta))))
}

# Psi of one grouping factor: prefix_11, prefix_21, prefix_22, ...
psi_numbers <- function(Psi, prefix = "psi") {
  place <- which(lower.tri(Psi, diag = TRUE), arr.ind = TRUE)
  setNames(as.list(Psi[place]), paste0(prefix, "_", place[, 1], place[, 2]))
}

record_growth <- function(key, data, fit, extra = list()) {
  problems <- fit@optinfo$conv$lme4$messages
  components <- lapply(VarCorr(fit), as.matrix)
  prefixes <- if (length(components) == 1) "psi" else paste0("psi_", names(components))
  if (any(duplicated(prefixes))) prefixes <- make.unique(prefixes)
  spread <- do.call(c, Map(psi_numbers, components, prefixes))
  names(spread) <- sub("^.*[.]psi", "psi", names(spread))
  record(
    key, data, paste(paste(deparse(fit@call$formula, width.cutoff = 200), collapse = " "), "ML"),
    c(coefficient_numbers(unname(fixef(fit)), as.matrix(vcov(fit))), spread,
      list(sigma2 = sigma(fit)^2, criterion = -2 * c(logLik(fit)), llf = c(logLik(fit))), extra),
    reml = FALSE, optimizer = "bobyqa rhoend 1e-9",
    converged = fit@optinfo$conv$opt == 0 && length(problems) == 0, singular = isSingular(fit)
  )
}

# Variance and correlation of measurements over time, by the covariance matrix of a whole person
time_numbers <- function(fit, times) {
  Psi <- as.matrix(VarCorr(fit)[[1]])
  Z <- cbind(1, times)
  V <- Z %*% Psi %*% t(Z) + diag(sigma(fit)^2, length(times))
  R <- cov2cor(V)
  c(setNames(as.list(diag(V)), paste0("var_", seq_along(times) - 1)),
    setNames(as.list(R[1, -1]), paste0("corr_0", seq_along(times)[-1] - 1)),
    list(corr_last_two = R[length(times) - 1, length(times)],
         corr_int_slope = cov2cor(Psi)[1, 2], time_of_least_variance = -Psi[1, 2] / Psi[2, 2]))
}

# A linear combination of coefficients and its standard error
combination <- function(fit, weights) {
  c(sum(weights * fixef(fit)), sqrt(c(weights %*% as.matrix(vcov(fit)) %*% weights)))
}

# Number of rows and of children by number of measurements
record("egsingle_rows", "egsingle", "table(table(childid))", {
  waves <- table(egsingle$childid)
  list(rows = nrow(egsingle), children = length(waves), all_six = sum(waves == 6),
       rows_of_complete = sum(waves[waves == 6]), mean_waves = mean(waves),
       mean_t_start = mean(egsingle$t_start))
}, reml = FALSE)

# ---- egsingle: one line a child, with time counted from three origins
years <- seq(-2.5, 2.5)
line <- growth_model(math ~ year + (year | childid), egsingle)
predicted <- ranef(line)$childid["309364181", ]
record_growth("egsingle_line", "egsingle", line, c(
  time_numbers(line, years),
  list(eb1_309364181 = predicted[[1]], eb2_309364181 = predicted[[2]],
       line_309364181_at_end = sum((fixef(line) + unlist(predicted)) * c(1, 2.5)))
))
deviance_at <- lmer(math ~ year + (year | childid), egsingle, REML = FALSE, devFunOnly = TRUE)
record("egsingle_line_off_optimum", "egsingle",
       "lmer(math ~ year + (year | childid), REML = FALSE, devFunOnly = TRUE)(c(1.5, 0.1, 0.3))",
       list(criterion = deviance_at(c(1.5, 0.1, 0.3))), reml = FALSE)
start <- growth_model(math ~ t_start + (t_start | childid), egsingle)
record_growth("egsingle_line_start", "egsingle", start,
              list(corr_int_slope = cov2cor(as.matrix(VarCorr(start)[[1]]))[1, 2]))
end <- growth_model(math ~ t_end + (t_end | childid), egsingle)
record_growth("egsingle_line_end", "egsingle", end,
              list(corr_int_slope = cov2cor(as.matrix(VarCorr(end)[[1]]))[1, 2]))
record_growth("egsingle_uncorrelated_middle", "egsingle",
              growth_model(math ~ year + (1 | childid) + (0 + year | childid), egsingle))
record_growth("egsingle_uncorrelated_start", "egsingle",
              growth_model(math ~ t_start + (1 | childid) + (0 + t_start | childid), egsingle))

# ---- simpler and wrong models
record_growth("egsingle_intercept", "egsingle", growth_model(math ~ year + (1 | childid), egsingle))
record_growth("egsingle_grade", "egsingle", growth_model(math ~ grade + (grade | childid), egsingle))
pooled <- lm(math ~ year, egsingle)
record("egsingle_pooled", "egsingle", "lm(math ~ year)",
       c(coefficient_numbers(unname(coef(pooled)), vcov(pooled)),
         list(criterion = -2 * c(logLik(pooled)))), reml = FALSE)
slopes <- sapply(split(egsingle, egsingle$childid), function(d) coef(lm(math ~ year, d))[[2]])
record("egsingle_line_each", "egsingle", "var(coef(lm(math ~ year)) of each child)",
       list(var_slope = var(slopes)), reml = FALSE)

# ---- groups, and a curve
groups <- growth_model(math ~ year + black + hispanic + year:black + year:hispanic +
                         (year | childid), egsingle)
gap_start <- combination(groups, c(0, 0, 1, 0, -2.5, 0))
gap_end <- combination(groups, c(0, 0, 1, 0, 2.5, 0))
record_growth("egsingle_groups", "egsingle", groups, list(
  gap_black_start = gap_start[1], se_gap_black_start = gap_start[2],
  gap_black_end = gap_end[1], se_gap_black_end = gap_end[2],
  r2_intercept = 1 - VarCorr(groups)[[1]][1, 1] / VarCorr(line)[[1]][1, 1],
  r2_slope = 1 - VarCorr(groups)[[1]][2, 2] / VarCorr(line)[[1]][2, 2]
))
groups_start <- growth_model(math ~ t_start + black + hispanic + t_start:black + t_start:hispanic +
                               (t_start | childid), egsingle)
record_growth("egsingle_groups_start", "egsingle", groups_start, list(
  r2_intercept = 1 - VarCorr(groups_start)[[1]][1, 1] / VarCorr(start)[[1]][1, 1]))
groups_end <- growth_model(math ~ t_end + black + hispanic + t_end:black + t_end:hispanic +
                             (t_end | childid), egsingle)
record_growth("egsingle_groups_end", "egsingle", groups_end, list(
  r2_intercept = 1 - VarCorr(groups_end)[[1]][1, 1] / VarCorr(end)[[1]][1, 1]))
parallel <- growth_model(math ~ year + black + hispanic + (year | childid), egsingle)
record_growth("egsingle_groups_parallel", "egsingle", parallel,
              list(lrt = 2 * (c(logLik(groups)) - c(logLik(parallel)))))
curve <- growth_model(math ~ year + I(year^2) + (year | childid), egsingle)
record_growth("egsingle_curve", "egsingle", curve,
              list(lrt = 2 * (c(logLik(curve)) - c(logLik(line)))))

# ---- three levels: measurements in children in schools
record_growth("egsingle_three_levels", "egsingle",
              growth_model(math ~ year + (year | childid) + (year | schoolid), egsingle))

# ---- sleepstudy: check against a published example;  oxboys: transfer
record_growth("sleepstudy_line", "sleepstudy",
              growth_model(Reaction ~ Days + (Days | Subject), sleepstudy))
record_growth("sleepstudy_weeks", "sleepstudy",
              growth_model(Reaction ~ I(Days / 7) + (I(Days / 7) | Subject), sleepstudy))
boys <- growth_model(height ~ age + (age | Subject), oxboys)
record_growth("oxboys_line", "oxboys", boys, time_numbers(boys, c(-1, 0, 1)))
record_growth("oxboys_curve", "oxboys",
              growth_model(height ~ age + I(age^2) + (age | Subject), oxboys))
record_growth("oxboys_curve_each", "oxboys",
              growth_model(height ~ age + I(age^2) + (age + I(age^2) | Subject), oxboys))

write_record("hw5.R", c("lme4", "Matrix"))
