# Writes the course's data sets as CSV files, from the R packages that hold them.
# Run it through data/register.py, which then writes the registry:
#     python data/register.py
# Each `export` call below is the whole history of one file; the cards (data/<name>.md) tell the rest.
# On standard output: one JSON object, the description of each set that register.py reads.

suppressPackageStartupMessages({
  library(nlme)
  library(lme4)
  library(mlmRev)
  library(geepack)
  library(plm)
  library(jsonlite)
})

folder <- commandArgs(trailingOnly = TRUE)[1]
described <- list()

# One CSV and its description: `text` names the columns of labels (cluster identifiers),
# every other factor keeps its levels, in R's order.
export <- function(name, data, package, object, text) {
  data <- as.data.frame(data)
  # as.character(), since the order of the levels can give an answer away: Hsb82 sorts its schools
  data[text] <- lapply(data[text], as.character)
  factors <- Filter(is.factor, data)
  write.csv(data, file.path(folder, paste0(name, ".csv")), row.names = FALSE, quote = FALSE)
  described[[name]] <<- list(
    source = paste0(package, "::", object),
    version = as.character(packageVersion(package)),
    licence = packageDescription(package)$License,
    rows = nrow(data),
    text = as.list(text),
    factors = lapply(factors, function(column) as.list(levels(column)))
  )
}

# High School and Beyond, 160 schools; school means of ses recomputed from these pupils
export("hsb", Hsb82, "mlmRev", "Hsb82", text = "school")

# the same pupils with the school variables of the published tables (MEANSES rounded by the source)
schools <- as.data.frame(MathAchSchool)[
  c("School", "Size", "Sector", "PRACAD", "DISCLIM", "HIMINTY")
]
pupils <- as.data.frame(MathAchieve)
row <- match(as.character(pupils$School), as.character(schools$School))
export("hsb_original", cbind(pupils, schools[row, -1]), "nlme",
       "MathAchieve, joined with MathAchSchool", text = "School")

export("dyestuff", Dyestuff, "lme4", "Dyestuff", text = "Batch")
export("dyestuff2", Dyestuff2, "lme4", "Dyestuff2", text = "Batch")
export("rail", Rail, "nlme", "Rail", text = "Rail")

# Dutch schools; dots in names would need quoting in Python formulas
dutch <- as.data.frame(bdf)[c(
  "schoolNR", "pupilNR", "sex", "Minority", "ses", "schoolSES",
  "IQ.verb", "IQ.perf", "langPRET", "langPOST"
)]
names(dutch) <- gsub(".", "_", names(dutch), fixed = TRUE)
export("bdf", dutch, "nlme", "bdf", text = c("schoolNR", "pupilNR"))

# London schools at age 16 (the student number repeats across schools and is left out)
export("exam", Exam[c("school", "normexam", "standLRT", "schgend", "schavg", "vr", "intake", "sex")],
       "mlmRev", "Exam", text = "school")

export("sleepstudy", sleepstudy, "lme4", "sleepstudy", text = "Subject")

# a factor with two levels, such as no and yes, as 0 and 1
indicator <- function(factor, level) as.integer(factor == level)

women <- Contraception[c("district", "use", "livch", "age", "urban")]
women$use <- indicator(women$use, "Y")
women$urban <- indicator(women$urban, "Y")
export("contraception", women, "mlmRev", "Contraception", text = "district")

data(ohio, package = "geepack")
export("ohio", ohio, "geepack", "ohio", text = "id")

# id repeats across centers, as in the source: 56 labels, 111 patients
data(respiratory, package = "geepack")
export("respiratory", respiratory, "geepack", "respiratory", text = c("center", "id"))

children <- egsingle[c("schoolid", "childid", "year", "grade", "math", "retained", "female",
                       "black", "hispanic", "size", "lowinc")]
names(children)[names(children) == "female"] <- "sex"
for (name in c("retained", "black", "hispanic")) children[[name]] <- indicator(children[[name]], "1")
export("egsingle", children, "mlmRev", "egsingle", text = c("schoolid", "childid"))

export("orthodont", Orthodont, "nlme", "Orthodont", text = "Subject")

boys <- as.data.frame(Oxboys)
boys$Occasion <- as.integer(as.character(boys$Occasion))
export("oxboys", boys, "mlmRev", "Oxboys", text = "Subject")

data(Males, package = "plm")
men <- Males[c("nr", "year", "wage", "exper", "school")]
for (name in c("union", "married")) men[[name]] <- indicator(Males[[name]], "yes")
for (name in c("black", "hisp")) men[[name]] <- indicator(Males$ethn, name)
export("males", men, "plm", "Males", text = "nr")

export("anorexia", MASS::anorexia, "MASS", "anorexia", text = character())

# Scottish pupils, in primary and secondary schools at once: the crossed example
export("scotssec", ScotsSec, "mlmRev", "ScotsSec", text = c("primary", "second"))
# What lme4 makes of seven models of the course, rounded: public, to check an engine of one's own.
# Variance components are given as the covariance matrix of the random effects, entry by entry.
lme4_rows <- function(model, fit) {
  digits <- function(number) signif(number, 5)
  spread <- as.data.frame(VarCorr(fit), order = "lower.tri")
  pair <- ifelse(is.na(spread$var2), spread$var1, paste(spread$var1, spread$var2))
  spread_names <- ifelse(spread$grp == "Residual", "residual variance",
                         ifelse(is.na(spread$var2), "variance", "covariance"))
  criterion <- if (isREML(fit)) REMLcrit(fit) else -2 * c(logLik(fit))
  data.frame(
    model = model,
    quantity = c("criterion", rep("beta", length(fixef(fit))), rep("se", length(fixef(fit))),
                 spread_names),
    term = gsub("(Intercept)", "constant",
                c("", names(fixef(fit)), names(fixef(fit)), ifelse(is.na(pair), "", pair)),
                fixed = TRUE),
    value = c(round(criterion, 3), digits(fixef(fit)), digits(sqrt(diag(as.matrix(vcov(fit))))),
              digits(spread$vcov))
  )
}
lme4_results <- function() {
  tight <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-9))
  tight_glmer <- glmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-9))
  children <- within(as.data.frame(Orthodont), { female <- as.integer(Sex == "Female") })
  pupils <- within(Hsb82, { catholic <- as.integer(sector == "Catholic"); school <- as.character(school) })
  rbind(
    lme4_rows("hsb null", lmer(mAch ~ 1 + (1 | school), pupils, control = tight)),
    lme4_rows("hsb random intercept",
              lmer(mAch ~ meanses + cses + (1 | school), pupils, control = tight)),
    lme4_rows("hsb random slope", lmer(mAch ~ cses + (cses | school), pupils, control = tight)),
    lme4_rows("hsb slopes as outcomes",
              lmer(mAch ~ (meanses + catholic) * cses + (cses | school), pupils, control = tight)),
    lme4_rows("orthodont growth",
              lmer(distance ~ female * age + (age | Subject), children, REML = FALSE, control = tight)),
    lme4_rows("ohio Laplace", glmer(resp ~ age * smoke + (1 | id), ohio, binomial, nAGQ = 1,
                                    control = tight_glmer)),
    lme4_rows("ohio quadrature", glmer(resp ~ age * smoke + (1 | id), ohio, binomial, nAGQ = 25,
                                       control = tight_glmer))
  )
}
export("lme4_results", lme4_results(), "lme4", "lmer and glmer", text = character())

cat(toJSON(described, auto_unbox = TRUE, pretty = TRUE))
