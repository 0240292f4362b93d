bulkhead why broken.yaml --batch
