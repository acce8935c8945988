# Writes the course's data sets as CSV files, from the R packages that hold them.
# Run it through data/register.py, which then writes the registry:
#     python data/register.py
# Each `export` call below is the whole history of one file; the cards (data/<name>.md) tell the rest.
# On standard output: one JSON object, the description of each set that register.py reads.

suppressPackageStartupMessages({
  library(nlme)
  library(lme4)
  library(mlmRev)
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

cat(toJSON(described, auto_unbox = TRUE, pretty = TRUE))
