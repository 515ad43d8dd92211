# Writes the `attrition` data of the R package modeldata (Debian: r-cran-modeldata)
# as CSV, the row name (EmployeeNumber) as first column. Called by rebuild.py.
arguments <- commandArgs(trailingOnly = TRUE)
write.csv(modeldata::attrition, arguments[[1]])
