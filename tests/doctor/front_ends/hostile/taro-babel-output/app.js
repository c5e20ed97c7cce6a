require("./common.js");
