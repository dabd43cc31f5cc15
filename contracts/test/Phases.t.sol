// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {PhaseHarness} from "./base/PhaseHarness.sol";
import {TestBase} from "./base/TestBase.sol";
import {Point, PointG2} from "src/verifier/Curve.sol";
import {Instance} from "src/verifier/Fold.sol";
import {Key} from "src/verifier/Key.sol";
import {Scalar} from "src/verifier/Scalar.sol";

contract PhasesTest is TestBase {
    event Gas(bool a, bool b, uint256 gasA, uint256 gasB);

    function test_flat_64k() public { check("./test/vectors/flat_64k.json"); }
    function test_fs_1() public { check("./test/vectors/fs_1.json"); }

    function check(string memory path) private {
        string memory json = vm.readFile(path);
        uint256[] memory p = vm.parseJsonUintArray(json, ".points");
        uint256[] memory g = vm.parseJsonUintArray(json, ".g2");
        uint256[] memory s = vm.parseJsonUintArray(json, ".shape");
        Key memory key;
        key.digest = vm.parseJsonUint(json, ".digest");
        (key.logConstraints, key.logVariables, key.logEntries) = (s[0], s[1], s[2]);
        key.row = Point(p[0], p[1]);
        key.col = Point(p[2], p[3]);
        key.valA = Point(p[4], p[5]);
        key.valB = Point(p[6], p[7]);
        key.valC = Point(p[8], p[9]);
        key.tsRow = Point(p[10], p[11]);
        key.tsCol = Point(p[12], p[13]);
        key.h = PointG2(g[0], g[1], g[2], g[3]);
        key.tauH = PointG2(g[4], g[5], g[6], g[7]);
        Instance memory u;
        uint256[] memory w = vm.parseJsonUintArray(json, ".w");
        uint256[] memory e = vm.parseJsonUintArray(json, ".e");
        uint256[] memory io = vm.parseJsonUintArray(json, ".io");
        u.w = Point(w[0], w[1]);
        u.e = Point(e[0], e[1]);
        u.io = new Scalar[](io.length);
        for (uint256 i = 0; i < io.length; ++i) u.io[i] = Scalar.wrap(io[i]);
        PhaseHarness h = new PhaseHarness();
        (bool a, bool b, uint256 ga, uint256 gb) = h.run(key, u, vm.parseJsonBytes(json, ".proof"));
        emit Gas(a, b, ga, gb);
        vm.assertTrue(a, "spartan");
        vm.assertTrue(b, "kzg");
    }
}
