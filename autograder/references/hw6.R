# References of homework 6, other approaches to longitudinal data: nlme, lme4, geepack, plm, survival.
# Writes the "fits" of hw6.json; run it with `python -m autograder.references hw6 --r`.

source("record.R")
suppressPackageStartupMessages({
  library(nlme, exclude = "lmList")
  library(geepack)
  library(plm)
  library(survival)
})

males <- dataset("males", "nr")
males$t <- males$year - 1980
orthodont <- dataset("orthodont", "Subject")
ohio <- dataset("ohio", "id")
anorexia <- dataset("anorexia")
hsb <- dataset("hsb", "school")

# Names of coefficients that can be keys: (Intercept) is constant, a:b is a_b
plain <- function(names) gsub("[^A-Za-z0-9]+", "_", sub("(Intercept)", "constant", names, fixed = TRUE))

# Coefficients and standard errors as beta_x, se_x (or another prefix)
pairs_of <- function(beta, se, prefix = "se") {
  keys <- plain(names(beta))
  as.list(c(setNames(beta, paste0("beta_", keys)), setNames(se, paste0(prefix, "_", keys))))
}

# ---- least squares with robust standard errors: clubSandwich's CR0 and CR1S (Stata's correction)
robust_numbers <- function(fit, cluster) {
  error <- function(type) sqrt(diag(as.matrix(clubSandwich::vcovCR(fit, cluster, type = type))))
  keys <- plain(names(coef(fit)))
  c(pairs_of(coef(fit), sqrt(diag(vcov(fit))), "naive"),
    setNames(as.list(unname(error("CR0"))), paste0("cr0_", keys)),
    setNames(as.list(unname(error("CR1S"))), paste0("cr1_", keys)))
}
wage_model <- wage ~ black + hisp + union + married + exper + t + school
ols <- lm(wage_model, males)
record("males_ols", "males", "lm(wage ~ black + hisp + union + married + exper + t + school)",
       robust_numbers(ols, males$nr), reml = FALSE)
hsb$catholic <- as.integer(hsb$sector == "Catholic")
record("hsb_ols", "hsb", "lm(mAch ~ meanses + catholic + cses)",
       robust_numbers(lm(mAch ~ meanses + catholic + cses, hsb), hsb$school), reml = FALSE)

# ---- random intercept, within, differences, Mundlak
ri <- lmer(update(wage_model, . ~ . + (1 | nr)), males, REML = FALSE, control = tight())
spread <- as.data.frame(VarCorr(ri))$vcov
record("males_ri", "males", "lmer(wage ~ ... + (1 | nr), REML = FALSE)",
       c(pairs_of(fixef(ri), sqrt(diag(as.matrix(vcov(ri))))),
         list(psi = spread[1], sigma2 = spread[2], llf = c(logLik(ri)))),
       reml = FALSE, optimizer = "bobyqa rhoend 1e-9")
within_model <- wage ~ union + married + exper
fe <- plm(within_model, males, index = c("nr", "year"), model = "within")
record("males_fe", "males", "plm(wage ~ union + married + exper, model = \"within\")",
       pairs_of(coef(fe), sqrt(diag(vcov(fe)))), reml = FALSE)
fd <- plm(within_model, males, index = c("nr", "year"), model = "fd")
record("males_fd", "males", "plm(wage ~ union + married + exper, model = \"fd\")",
       pairs_of(coef(fd), sqrt(diag(vcov(fd)))), reml = FALSE)
males$mean_union <- ave(males$union, males$nr)
males$mean_married <- ave(males$married, males$nr)
means <- c("mean_union", "mean_married")
mundlak <- lmer(update(wage_model, . ~ . + mean_union + mean_married + (1 | nr)), males,
                REML = FALSE, control = tight())
d <- fixef(mundlak)[means]
stat <- c(t(d) %*% solve(as.matrix(vcov(mundlak))[means, means], d))
record("males_mundlak", "males", "lmer(wage ~ ... + mean_union + mean_married + (1 | nr), REML = FALSE)",
       c(pairs_of(fixef(mundlak), sqrt(diag(as.matrix(vcov(mundlak))))),
         list(wald = stat, wald_p = pchisq(stat, 2, lower.tail = FALSE))),
       reml = FALSE, optimizer = "bobyqa rhoend 1e-9")

# ---- covariance patterns: nlme::gls by maximum likelihood
orthodont$female <- as.integer(orthodont$Sex == "Female")
orthodont$visit <- (orthodont$age - 6) / 2
growth <- distance ~ female * age
control <- glsControl(tolerance = 1e-12, msTol = 1e-12, maxIter = 500, msMaxIter = 500)
# sigma2 (X'V^-1X)^-1 with the maximum-likelihood sigma2, as lmer has it: gls's own standard errors
# for ML carry the factor sqrt(N / (N - p))
gls_numbers <- function(fit) {
  independent <- is.null(fit$modelStruct$corStruct)
  V <- if (independent) diag(4) * fit$sigma^2 else unclass(getVarCov(fit))
  N <- fit$dims$N
  X <- model.matrix(growth, orthodont)
  M <- Reduce(`+`, lapply(split(seq_len(N), orthodont$Subject),
                          function(rows) t(X[rows, ]) %*% solve(V, X[rows, ])))
  c(pairs_of(coef(fit), sqrt(diag(solve(M)))),
    list(llf = c(logLik(fit)), n_par = attr(logLik(fit), "df"), aic = AIC(fit),
         variance = V[1, 1], neighbors = V[1, 2]))
}
patterns <- list(
  ind = gls(growth, orthodont, method = "ML", control = control),
  cs = gls(growth, orthodont, corCompSymm(form = ~ visit | Subject), method = "ML", control = control),
  ar1 = gls(growth, orthodont, corAR1(form = ~ visit | Subject), method = "ML", control = control),
  un = gls(growth, orthodont, corSymm(form = ~ visit | Subject),
           weights = varIdent(form = ~ 1 | visit), method = "ML", control = control)
)
for (kind in names(patterns)) {
  extra <- if (kind == "ar1") {
    list(phi = unname(coef(patterns$ar1$modelStruct$corStruct, unconstrained = FALSE)))
  }
  record(paste0("orthodont_", kind), "orthodont",
         paste0("gls(distance ~ female * age, ", toupper(kind), ", method = \"ML\")"),
         c(gls_numbers(patterns[[kind]]), extra), reml = FALSE, optimizer = "nlminb tol 1e-12")
}
record("orthodont_lrt", "orthodont", "anova(cs, un)",
       list(lrt = 2 * c(logLik(patterns$un) - logLik(patterns$cs)),
            p = pchisq(2 * c(logLik(patterns$un) - logLik(patterns$cs)), 8, lower.tail = FALSE)),
       reml = FALSE)

half <- gls(growth, orthodont, corCompSymm(0.5, form = ~ visit | Subject, fixed = TRUE),
            method = "ML", control = control)
record("orthodont_half", "orthodont",
       "gls(distance ~ female * age, corCompSymm(0.5, fixed = TRUE), method = \"ML\")",
       list(deviance = -2 * c(logLik(half))), reml = FALSE)

# ---- repeated-measures analysis of variance
orthodont$visit <- factor(orthodont$visit)
tables <- summary(aov(distance ~ Sex * visit + Error(Subject), orthodont))
between <- tables[["Error: Subject"]][[1]]
within <- tables[["Error: Within"]][[1]]
record("orthodont_aov", "orthodont", "aov(distance ~ Sex * visit + Error(Subject))",
       list(f_group = between[1, "F value"], p_group = between[1, "Pr(>F)"],
            f_time = within[1, "F value"], p_time = within[1, "Pr(>F)"],
            f_both = within[2, "F value"], p_both = within[2, "Pr(>F)"]), reml = FALSE)

# ---- generalized estimating equations
gee <- geeglm(resp ~ age * smoke, binomial, ohio, id = id, corstr = "exchangeable",
              control = geese.control(epsilon = 1e-13, maxit = 200))
keys <- plain(names(coef(gee)))
record("ohio_gee", "ohio", "geeglm(resp ~ age * smoke, binomial, id = id, corstr = \"exchangeable\")",
       c(pairs_of(coef(gee), sqrt(diag(gee$geese$vbeta)), "robust"),
         setNames(as.list(sqrt(diag(gee$geese$vbeta.naiv))), paste0("naive_", keys)),
         list(alpha = unname(gee$geese$alpha), phi = unname(gee$geese$gamma),
              or_smoke = exp(coef(gee)[["smoke"]]))),
       reml = FALSE, optimizer = "geese epsilon 1e-13")

# ---- conditional likelihood
conditional <- clogit(resp ~ age + age:smoke + strata(id), ohio,
                      control = coxph.control(eps = 1e-12, toler.chol = 1e-14))
informative <- sum(tapply(ohio$resp, ohio$id, function(y) min(y) < max(y)))
record("ohio_clogit", "ohio", "clogit(resp ~ age + age:smoke + strata(id))",
       c(pairs_of(coef(conditional), sqrt(diag(vcov(conditional)))),
         list(llf = conditional$loglik[2], llf_0 = conditional$loglik[1], informative = informative)),
       reml = FALSE, optimizer = "coxph eps 1e-12")

# ---- change and analysis of covariance
anorexia$Treat <- factor(anorexia$Treat, c("Cont", "CBT", "FT"))
effects <- function(formula) {
  fit <- lm(formula, anorexia)
  pairs_of(coef(fit), sqrt(diag(vcov(fit))))
}
record("anorexia_change", "anorexia", "lm(Postwt - Prewt ~ Treat)", effects(I(Postwt - Prewt) ~ Treat),
       reml = FALSE)
record("anorexia_ancova", "anorexia", "lm(Postwt ~ Prewt + Treat)", effects(Postwt ~ Prewt + Treat),
       reml = FALSE)
record("anorexia_post", "anorexia", "lm(Postwt ~ Treat)", effects(Postwt ~ Treat), reml = FALSE)
long <- data.frame(
  id = rep(seq_len(nrow(anorexia)), each = 2), post = rep(0:1, nrow(anorexia)),
  weight = c(rbind(anorexia$Prewt, anorexia$Postwt)), Treat = rep(anorexia$Treat, each = 2)
)
long$CBT <- long$post * (long$Treat == "CBT")
long$FT <- long$post * (long$Treat == "FT")
for (reml in c(FALSE, TRUE)) {
  fit <- lmer(weight ~ post + CBT + FT + (1 | id), long, REML = reml, control = tight())
  record(paste0("anorexia_constrained_", if (reml) "reml" else "ml"), "anorexia",
         paste0("lmer(weight ~ post + CBT + FT + (1 | id), REML = ", reml, ")"),
         c(pairs_of(fixef(fit), sqrt(diag(as.matrix(vcov(fit))))), list(llf = c(logLik(fit)))),
         reml = reml, optimizer = "bobyqa rhoend 1e-9")
}

# ---- drop-out: the x-ray at 14 is lost for every child whose distance at 8 was above 23 mm
at_8 <- orthodont$distance[orthodont$age == 8]
at_14 <- orthodont$distance[orthodont$age == 14]
at_14[at_8 > 23] <- NA
child <- factor(rep(seq_along(at_8), each = 2))
two <- data.frame(child, wave = rep(1:2, length(at_8)), distance = c(rbind(at_8, at_14)))
un <- gls(distance ~ I(wave == 2), na.omit(two), corSymm(form = ~ wave | child),
          weights = varIdent(form = ~ 1 | wave), method = "ML", control = control)
all_at_14 <- orthodont$distance[orthodont$age == 14]
record("orthodont_dropout", "orthodont", "gls(distance ~ wave, UN, method = \"ML\") with drop-out",
       list(complete = mean(at_14 - at_8, na.rm = TRUE),
            available = mean(at_14, na.rm = TRUE) - mean(at_8), ml = unname(coef(un)[2]),
            truth = mean(all_at_14) - mean(at_8), lost = sum(is.na(at_14))),
       reml = FALSE, optimizer = "nlminb tol 1e-12")

write_record("hw6.R", c("lme4", "Matrix", "nlme", "geepack", "plm", "survival", "clubSandwich"))
