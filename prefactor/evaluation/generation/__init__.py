"""What is measured of generated texts, and of what predicts pairs beside reward models: tables in, result rows out."""
