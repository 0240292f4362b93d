bulkhead check --frobnicate shop.yaml
