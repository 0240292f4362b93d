bulkhead fmt -w broken.yaml
