# References of the engine (hlmtools.lmer, glmer, marginal, panel): lme4, nlme, geepack, survival,
# plm, lmerTest, pbkrtest and clubSandwich on the CSV files of data/.
# Writes the "fits" of engine.json; run it with `python -m autograder.references engine --r`.
# Numbers by position: b1, b2, ... fixed effects; se1, ...; cov_<term>_<row><column>; then the
# modes of the first three clusters in the order of their labels, mode_<term>_<cluster>_<effect>.

source("record.R")
suppressPackageStartupMessages({
  library(nlme)
  library(geepack)
  library(survival)
  library(plm)
  library(clubSandwich)
})

levelled <- function(data, ...) {
  levels <- list(...)
  for (name in names(levels)) data[[name]] <- factor(data[[name]], levels = levels[[name]])
  data
}
hsb <- levelled(dataset("hsb", "school"), sector = c("Public", "Catholic"), minrty = c("No", "Yes"))
bdf <- dataset("bdf", "schoolNR")
dyestuff <- dataset("dyestuff", "Batch")
dyestuff2 <- dataset("dyestuff2", "Batch")
rail <- dataset("rail", "Rail")
exam <- levelled(dataset("exam", "school"), sex = c("F", "M"))
sleepstudy <- dataset("sleepstudy", "Subject")
egsingle <- dataset("egsingle", c("schoolid", "childid"))
oxboys <- dataset("oxboys", "Subject")
orthodont <- levelled(dataset("orthodont", "Subject"), Sex = c("Male", "Female"))
males <- dataset("males", "nr")
scotssec <- levelled(dataset("scotssec", c("primary", "second")), sex = c("M", "F"))
contraception <- dataset("contraception", "district")
ohio <- dataset("ohio", "id")

# ---- numbers of a fit

numbered <- function(prefix, values) setNames(as.list(unname(values)), paste0(prefix, seq_along(values)))

coefficients_of <- function(b, v) c(numbered("b", b), numbered("se", sqrt(diag(as.matrix(v)))))

mixed_numbers <- function(fit) {
  numbers <- coefficients_of(fixef(fit), vcov(fit, full = TRUE))
  for (key in names(VarCorr(fit))) {
    psi <- VarCorr(fit)[[key]]
    for (a in seq_len(nrow(psi))) for (b in seq_len(a)) {
      numbers[[paste0("cov_", key, "_", a, b)]] <- psi[a, b]
    }
  }
  for (group in names(ranef(fit))) {
    modes <- ranef(fit)[[group]]
    modes <- modes[order(rownames(modes), method = "radix"), , drop = FALSE]
    for (cluster in rownames(modes)[1:3]) for (a in seq_along(modes)) {
      numbers[[paste0("mode_", group, "_", cluster, "_", a)]] <- modes[cluster, a]
    }
  }
  numbers
}

record_mixed <- function(key, data, fit, call, extra = list()) {
  linear <- inherits(fit, "lmerMod")
  problems <- fit@optinfo$conv$lme4$messages
  numbers <- c(list(criterion = if (linear && isREML(fit)) REMLcrit(fit) else -2 * c(logLik(fit)),
                    llf = c(logLik(fit))),
               if (linear) list(sigma2 = sigma(fit)^2), mixed_numbers(fit))
  record(
    key, data, call, modifyList(numbers, extra),
    reml = linear && isREML(fit), optimizer = "bobyqa rhoend 1e-9, restarted",
    converged = fit@optinfo$conv$opt == 0 && length(problems) == 0, singular = isSingular(fit)
  )
}

# ---- linear mixed models

linear <- function(key, data, formula, reml, extra = function(fit) list(), table = get(data)) {
  control <- tight(check.conv.grad = "ignore", check.conv.hess = "ignore", calc.derivs = FALSE)
  fit <- lmer(formula, table, REML = reml, control = control)
  fit <- lmer(formula, table, REML = reml, control = control,
              start = if (isSingular(fit)) NULL else getME(fit, "theta"))
  call <- paste0("lmer(", paste(deparse(formula, 500), collapse = ""), ", REML = ", reml, ")")
  record_mixed(key, data, fit, call, extra(fit))
}

satterthwaite_numbers <- function(fit) {
  again <- lmerTest::lmer(formula(fit), model.frame(fit), REML = isREML(fit),
                          control = tight())
  numbered("df", summary(again)$coefficients[, "df"])
}

# Kenward and Roger's degrees of freedom of each coefficient
kenward_roger_numbers <- function(fit) {
  each <- diag(length(fixef(fit)))
  numbered("kr_df", apply(each, 1, function(contrast) pbkrtest::get_Lb_ddf(fit, contrast)))
}

sandwich_numbers <- function(fit) {
  c(numbered("cr0_se", sqrt(diag(as.matrix(vcovCR(fit, type = "CR0"))))),
    numbered("cr2_se", sqrt(diag(as.matrix(vcovCR(fit, type = "CR2"))))))
}

# Ends of a profile interval, without the interpolation of confint(): the deviance of the model
# with one fixed effect held at the end is 1.96^2 above the minimum, found by root search.
profile_end <- function(y, X, Z, g, held, side) {
  g <- factor(g)
  deviance_at <- function(value) {
    frame <- data.frame(y = y - value * X[, held], g = g)
    rest <- X[, -held, drop = FALSE]
    c(-2 * logLik(lmer(y ~ 0 + rest + (0 + Z | g), frame, REML = FALSE, control = tight())))
  }
  fit <- lmer(y ~ 0 + X + (0 + Z | g), REML = FALSE, control = tight())
  b <- fixef(fit)[[held]]
  se <- sqrt(vcov(fit)[held, held])
  top <- -2 * c(logLik(fit)) + qchisq(0.95, 1)
  uniroot(function(v) deviance_at(v) - top, sort(b + side * c(1, 4) * se), tol = 1e-8)$root
}

sleep_extra <- function(fit) {
  X <- cbind(1, sleepstudy$Days)
  end <- function(held, side) profile_end(sleepstudy$Reaction, X, X, sleepstudy$Subject, held, side)
  c(satterthwaite_numbers(fit), kenward_roger_numbers(fit), sandwich_numbers(fit),
    list(profile_b1_low = end(1, -1), profile_b1_high = end(1, 1),
         profile_b2_low = end(2, -1), profile_b2_high = end(2, 1)))
}

linear("hsb_null_reml", "hsb", mAch ~ 1 + (1 | school), TRUE)
linear("hsb_slope_reml", "hsb", mAch ~ cses + (cses | school), TRUE, satterthwaite_numbers)
linear("hsb_full_reml", "hsb", mAch ~ meanses * cses + sector * cses + (cses | school), TRUE,
       function(fit) c(satterthwaite_numbers(fit), sandwich_numbers(fit)))
linear("hsb_context_ml", "hsb", mAch ~ ses + meanses + (1 | school), FALSE)
linear("hsb_three_reml", "hsb", mAch ~ cses + minrty + (cses + minrty | school), TRUE)
linear("sleep_slope_reml", "sleepstudy", Reaction ~ Days + (Days | Subject), TRUE, sleep_extra)
linear("sleep_slope_ml", "sleepstudy", Reaction ~ Days + (Days | Subject), FALSE)
linear("sleep_uncorrelated_reml", "sleepstudy", Reaction ~ Days + (Days || Subject), TRUE)
linear("sleep_intercept_reml", "sleepstudy", Reaction ~ Days + (1 | Subject), TRUE,
       satterthwaite_numbers)
linear("sleep_slope_only_ml", "sleepstudy", Reaction ~ Days + (0 + Days | Subject), FALSE)
linear("dyestuff_reml", "dyestuff", Yield ~ 1 + (1 | Batch), TRUE)
linear("dyestuff_ml", "dyestuff", Yield ~ 1 + (1 | Batch), FALSE)
linear("dyestuff2_reml", "dyestuff2", Yield ~ 1 + (1 | Batch), TRUE)
linear("dyestuff2_ml", "dyestuff2", Yield ~ 1 + (1 | Batch), FALSE)
linear("rail_reml", "rail", travel ~ 1 + (1 | Rail), TRUE)
linear("bdf_slope_ml", "bdf", langPOST ~ IQ_verb + (IQ_verb | schoolNR), FALSE)
linear("exam_slope_ml", "exam", normexam ~ standLRT + (standLRT | school), FALSE)
linear("exam_cross_ml", "exam", normexam ~ standLRT * schavg + (standLRT | school), FALSE)
linear("exam_sex_reml", "exam", normexam ~ standLRT + sex + (sex | school), TRUE)
linear("exam_three_ml", "exam", normexam ~ standLRT + sex + (standLRT + sex | school), FALSE)
linear("oxboys_three_reml", "oxboys", height ~ age + I(age^2) + (age + I(age^2) | Subject), TRUE)
linear("orthodont_slope_reml", "orthodont", distance ~ Sex * age + (age | Subject), TRUE,
       function(fit) c(satterthwaite_numbers(fit), kenward_roger_numbers(fit), sandwich_numbers(fit)))
linear("males_slope_ml", "males", wage ~ union + married + exper + (exper | nr), FALSE)
linear("egsingle_growth_ml", "egsingle", math ~ year + (year | childid), FALSE)
linear("egsingle_nested_ml", "egsingle", math ~ year + (1 | schoolid / childid), FALSE)
linear("egsingle_three_level_ml", "egsingle",
       math ~ year + (year | childid) + (year | schoolid), FALSE)
linear("scotssec_crossed_reml", "scotssec", attain ~ verbal + (1 | primary) + (1 | second), TRUE,
       satterthwaite_numbers)

# Large: ten copies of the pupils in schools of their own, each score moved by a sine.
hsb_large <- do.call(rbind, lapply(0:9, function(copy) {
  transform(hsb, school = paste0(school, "_", copy), mAch = mAch + sin(seq_along(mAch) + copy))
}))
linear("hsb_large_reml", "hsb", mAch ~ cses + (cses | school), TRUE, table = hsb_large)
linear("scotssec_crossed_slope_ml", "scotssec",
       attain ~ verbal + sex + (verbal | primary) + (1 | second), FALSE)

# ---- generalized mixed models

# glmer's search stops at about 1e-4 of a standard error: Newton steps on its own deviance
# function, with derivatives by central differences in units of the standard errors.
polished <- function(deviance, par, unit) {
  k <- length(par)
  at <- function(steps) deviance(par + unit * steps)
  best <- at(numeric(k))
  for (round in 1:3) {
    h <- 2e-3
    unit_step <- function(i) replace(numeric(k), i, h)
    slope <- vapply(1:k, function(i) (at(unit_step(i)) - at(-unit_step(i))) / (2 * h), 0)
    curve <- matrix(0, k, k)
    wide <- function(i) replace(numeric(k), i, 0.05)
    for (i in 1:k) for (j in 1:i) {
      curve[i, j] <- curve[j, i] <- (at(wide(i) + wide(j)) - at(wide(i) - wide(j)) -
        at(wide(j) - wide(i)) + at(-wide(i) - wide(j))) / (4 * 0.05^2)
    }
    step <- -solve(curve, slope)
    new <- at(step)
    if (!is.finite(new) || new > best + 1e-9) break
    par <- par + unit * step
    best <- new
  }
  list(par = par, deviance = best)
}

generalized <- function(key, data, formula, family, nodes, table = get(data), extra = list()) {
  control <- glmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-8, maxfun = 1e5),
                          tolPwrss = 1e-13, check.conv.grad = "ignore")
  fit <- glmer(formula, table, family = family, nAGQ = nodes, control = control)
  deviance <- glmer(formula, table, family = family, nAGQ = nodes, control = control,
                    devFunOnly = TRUE)
  theta <- getME(fit, "theta")
  unit <- c(rep(0.1, length(theta)), sqrt(diag(as.matrix(vcov(fit)))))
  end <- if (isSingular(fit)) NULL else polished(deviance, c(theta, fixef(fit)), unit)
  call <- paste0("glmer(", paste(deparse(formula, 500), collapse = ""), ", ", family,
                 ", nAGQ = ", nodes, ")")
  better <- list()
  if (!is.null(end)) {
    gain <- deviance(c(theta, fixef(fit))) - end$deviance
    b <- end$par[-seq_along(theta)]
    better <- c(list(criterion = -2 * c(logLik(fit)) - gain, llf = c(logLik(fit)) + gain / 2),
                numbered("b", b))
  }
  record_mixed(key, data, fit, call, c(better, extra))
}

# Ends of the profile interval of `urban`, held by an offset, by root search on the deviance.
profile_of_urban <- function() {
  control <- glmerControl(optimizer = "bobyqa", calc.derivs = FALSE, tolPwrss = 1e-10)
  deviance_at <- function(value) {
    contraception$held <- value * contraception$urban
    -2 * c(logLik(glmer(use ~ age + livch + (1 | district), contraception, binomial,
                        offset = held, control = control)))
  }
  fit <- glmer(use, contraception, binomial, control = control)
  b <- fixef(fit)[["urban"]]
  se <- sqrt(vcov(fit)["urban", "urban"])
  top <- -2 * c(logLik(fit)) + qchisq(0.95, 1)
  end <- function(side) {
    uniroot(function(v) deviance_at(v) - top, sort(b + side * c(1.8, 2.2) * se), tol = 1e-6)$root
  }
  list(profile_b2_low = end(-1), profile_b2_high = end(1))
}

use <- use ~ urban + age + livch + (1 | district)
for (nodes in c(1, 3, 7, 25)) {
  generalized(paste0("contraception_", nodes), "contraception", use, "binomial", nodes,
              extra = if (nodes == 1) profile_of_urban() else list())
}
generalized("contraception_slope", "contraception",
            use ~ urban + age + livch + (urban | district), "binomial", 1)
for (nodes in c(1, 25, 51)) {
  generalized(paste0("ohio_", nodes), "ohio", resp ~ age * smoke + (1 | id), "binomial", nodes)
}
cells <- aggregate(cbind(users = use, women = 1) ~ district + livch + urban, contraception, sum)
cells$share <- cells$users / cells$women
cells$cell <- sprintf("%03d", seq_len(nrow(cells)))
generalized("cells_binomial", "contraception", cbind(users, women - users) ~ urban + livch +
              (1 | district), "binomial", 1, table = cells)
generalized("cells_poisson", "contraception",
            users ~ urban + livch + offset(log(women)) + (1 | district), "poisson", 1,
            table = cells)
generalized("cells_poisson_two", "contraception",
            users ~ urban + livch + offset(log(women)) + (1 | district) + (1 | cell), "poisson", 1,
            table = cells)
scotssec$high <- as.integer(scotssec$attain >= 7)
generalized("scotssec_binary", "scotssec", high ~ I(verbal / 10) + sex + (1 | primary) + (1 | second),
            "binomial", 1)

# ---- marginal models

structures <- list(
  IND = list(NULL, NULL), CS = list(corCompSymm(form = ~1 | Subject), NULL),
  AR1 = list(corAR1(form = ~1 | Subject), NULL),
  CSH = list(corCompSymm(form = ~1 | Subject), varIdent(form = ~1 | age)),
  UN = list(corSymm(form = ~1 | Subject), varIdent(form = ~1 | age))
)
for (method in c("ML", "REML")) for (name in names(structures)) {
  # each optimiser of gls stops a little early on some structure: the better of the two counts
  fits_of <- lapply(c("nlminb", "optim"), function(optimizer) {
    gls(distance ~ Sex * age, orthodont, method = method,
        correlation = structures[[name]][[1]], weights = structures[[name]][[2]],
        control = glsControl(tolerance = 1e-12, msTol = 1e-14, maxIter = 1000, msMaxIter = 1000,
                             opt = optimizer))
  })
  fit <- fits_of[[which.max(vapply(fits_of, logLik, 0))]]
  # vcov() of gls scales by N - p under ML as well: bring it to the ML variance
  shrink <- if (method == "ML") (fit$dims$N - fit$dims$p) / fit$dims$N else 1
  record(paste("orthodont_gls", name, tolower(method), sep = "_"), "orthodont",
         paste0("gls(distance ~ Sex * age, ", name, ", ", method, ")"),
         c(list(llf = c(logLik(fit))), coefficients_of(coef(fit), shrink * vcov(fit))),
         reml = method == "REML", optimizer = "nlminb or optim, 1e-14")
}
ohio <- ohio[order(as.integer(ohio$id)), ]
fit <- geeglm(resp ~ age * smoke, id = as.integer(id), data = ohio, family = binomial,
              corstr = "exchangeable", scale.fix = TRUE,
              control = geese.control(epsilon = 1e-12, maxit = 200))
record("ohio_gee", "ohio", "geeglm(resp ~ age * smoke, exchangeable, scale.fix = TRUE)",
       coefficients_of(coef(fit), vcov(fit)), reml = FALSE, optimizer = "Fisher scoring 1e-12")
fit <- clogit(resp ~ age + age:smoke + strata(id), ohio, method = "exact")
record("ohio_clogit", "ohio", "clogit(resp ~ age + age:smoke + strata(id))",
       c(coefficients_of(coef(fit), vcov(fit)), list(llf = fit$loglik[2])),
       reml = FALSE, optimizer = "Newton")

# ---- panel estimators

panel <- pdata.frame(males, index = c("nr", "year"))
for (model in c("within", "fd", "between")) {
  fit <- plm(if (model == "fd") wage ~ union + married else wage ~ union + married + exper,
             panel, model = model)
  record(paste0("males_", model), "males", paste0("plm(wage ~ ..., model = '", model, "')"),
         coefficients_of(coef(fit), vcov(fit)), reml = FALSE)
}

write_record("engine.R", c("lme4", "Matrix", "nlme", "geepack", "survival", "plm", "lmerTest",
                           "pbkrtest", "clubSandwich"))
