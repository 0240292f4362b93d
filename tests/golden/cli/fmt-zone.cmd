bulkhead fmt zoned.yaml; sed 's,timezone: ,timezone:   ",; s,Berlin,Berlin",' zoned.yaml | bulkhead fmt - | bulkhead fmt --check -
