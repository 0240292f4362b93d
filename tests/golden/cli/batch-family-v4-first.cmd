bulkhead why families.yaml --batch
