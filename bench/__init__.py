"""Speed, measured side by side in one run. What counts are the ratios; the machine is what it is."""
