"""The platforms as another team would write them: nothing here shares code with haoma or with its mirrors."""
