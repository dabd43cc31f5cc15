// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ExitTree} from "./base/ExitTree.sol";
import {Keys} from "./base/Keys.sol";
import {GasBurner, Refuser, ReturnBomber} from "./base/Recipients.sol";
import {StatementVerifier} from "./base/StatementVerifier.sol";
import {Steps} from "./base/Steps.sol";
import {TestBase} from "./base/TestBase.sol";
import {PlainToken} from "./base/Tokens.sol";
import {Settlement} from "src/Settlement.sol";
import {AssetId} from "src/types/AssetId.sol";
import {Claim} from "src/types/Claim.sol";
import {EpochNumber} from "src/types/EpochNumber.sol";
import {RollupId} from "src/types/RollupId.sol";
import {SettlementKey} from "src/types/SettlementKey.sol";
import {EmittedCell, EmittedRollup} from "src/types/StepOutput.sol";

/// @dev Lives through random histories of a whole domain, eight rollups and four assets: deposits,
/// consistent epochs, claims with real paths, failing recipients, and attempts that must be
/// refused. It keeps its own books of what the contract should hold, in plain numbers.
contract SettlementHandler is TestBase {
    uint256 public constant ROLLUPS = 8;
    uint256 public constant ASSETS = 4;
    uint96 private constant LARGEST_DEPOSIT = 2 ** 90;

    struct ModelCell {
        uint256 balance;
        uint256 deposited;
        uint256 settled;
        uint256 exited;
        uint256 claimed;
    }

    struct Exit {
        Claim claim;
        bool paid;
    }

    Settlement public settlement;
    StatementVerifier public verifier;
    PlainToken[4] public tokens; // 0 stays empty: asset 1 is Ether.
    uint256[4] public units = [uint256(1e9), 1, 1e12, 1e36];
    address[] public recipients;

    mapping(uint256 rollup => mapping(uint256 asset => ModelCell)) public cells;
    mapping(uint256 rollup => Exit[]) public exits;
    mapping(uint256 rollup => bytes32[]) private _leaves;
    mapping(uint256 rollup => uint64) public heights;
    mapping(uint256 rollup => mapping(uint64 epoch => uint256)) private _leavesAt;
    mapping(uint256 rollup => uint64[]) private _activeEpochs;
    mapping(uint256 asset => mapping(address recipient => uint256)) public owed;

    uint64 public epochs;
    /// @dev By the settler of then.
    uint256 public settledAt;
    address[3] private _settlers = [address(this), account("erin"), account("frank")];
    bytes32 public digest = bytes32(uint256(1));
    uint256 public wronglyAccepted;
    uint256 public wronglyRefused;
    uint256 public tampered;

    EmittedCell[] private _cells;
    EmittedRollup[] private _rollups;
    mapping(uint256 => uint256) private _freshExits;

    constructor() {
        verifier = new StatementVerifier("statement verifier");
        settlement = newSettlement(address(this), 1, verifier, digest);
        settledAt = block.timestamp;
        settlement.registerAsset(address(0), 18, 9);
        uint8[4] memory decimals = [18, 6, 18, 36];
        uint8[4] memory ledger = [9, 6, 6, 0];
        for (uint256 a = 1; a < ASSETS; ++a) {
            tokens[a] = new PlainToken(decimals[a]);
            settlement.registerAsset(address(tokens[a]), decimals[a], ledger[a]);
            tokens[a].approve(address(settlement), type(uint256).max);
        }
        for (uint256 r = 1; r <= ROLLUPS; ++r) {
            settlement.registerRollup(Keys.key(r).x, Keys.key(r).y);
        }
        recipients.push(account("carol"));
        recipients.push(account("dave"));
        recipients.push(address(new Refuser()));
        recipients.push(address(new GasBurner()));
        recipients.push(address(new ReturnBomber(true, 200_000)));
    }

    receive() external payable {}

    // --- What can happen --------------------------------------------------------------------

    function deposit(uint256 rollup, uint256 asset, uint96 atoms) external {
        rollup = bound(rollup, 1, ROLLUPS);
        asset = bound(asset, 1, ASSETS);
        uint256 room = type(uint96).max - settlement.custody(_asset(asset));
        if (room == 0 || settlement.paused()) return;
        uint256 most = room < LARGEST_DEPOSIT ? room : LARGEST_DEPOSIT;
        atoms = uint96(bound(atoms, 1, most));
        uint256 amount = atoms * units[asset - 1];
        if (asset == 1) vm.deal(address(this), amount);
        else tokens[asset - 1].mint(address(this), amount);
        settlement.deposit{value: asset == 1 ? amount : 0}(_rollup(rollup), _asset(asset), amount);
        cells[rollup][asset].deposited += atoms;
    }

    /// @dev One consistent epoch: some deposits are settled, some value moves, some exits.
    function settle(uint256 seed) external {
        _planEpoch(seed);
        uint256[90][] memory steps = _proveEpoch(seed);
        bytes memory proof = _proof(steps);
        // Anybody tries; whether they may is known from this contract's own clock.
        address caller =
            _draw(seed, 4, 2) == 0 ? settlement.settler() : _settlers[_draw(seed, 5, 3)];
        // forge-lint: disable-next-line(block-timestamp)
        bool open = block.timestamp >= settledAt + GRACE;
        bool may = open || (caller == settlement.settler() && !settlement.paused());
        vm.prank(caller);
        try settlement.settle(EpochNumber.wrap(epochs + 1), Steps.pack(steps), BOOKS, proof) {
            if (!may) ++wronglyAccepted;
            if (caller == settlement.settler()) settledAt = block.timestamp;
            _bookEpoch(bytes32(steps[steps.length - 1][0]));
        } catch {
            if (may) ++wronglyRefused;
            _unplanEpoch();
        }
    }

    // --- Who may settle ---------------------------------------------------------------------

    function pass(uint256 time) external {
        vm.warp(block.timestamp + bound(time, 1, 10 days));
    }

    function setSettler(uint256 seed) external {
        settlement.setSettler(_settlers[_draw(seed, 0, 3)]);
    }

    /// @dev Rather lifted than laid, or nothing else would happen.
    function pauseOrNot(uint256 seed) external {
        if (settlement.paused()) settlement.unpause();
        else if (_draw(seed, 0, 4) == 0) settlement.pause();
    }

    /// @dev The same with one number of one emission changed, under a proof of just that: L1's own
    /// checks must refuse it.
    function settleTampered(uint256 seed) external {
        _planEpoch(seed);
        if (_cells.length != 0) {
            EmittedCell storage c = _cells[_draw(seed, 1, _cells.length)];
            uint96 by = uint96(1 + _draw(seed, 2, 2 ** 80));
            uint256 what = _draw(seed, 3, 6);
            if (what == 0) {
                c.balance += by;
            } else if (what == 1 && c.balance != 0) {
                c.balance -= 1;
            } else if (what == 2) {
                c.exited += by;
            } else if (what == 3) {
                c.deposited += by;
            } else if (what == 4) {
                _cells.push(_cells[0]);
            } else {
                _rollups.push(EmittedRollup(_rollup(1 + seed % ROLLUPS), heights[1], 0, 0, 1, 1));
            }
            uint256[90][] memory steps = Steps.build(_digestOf(seed), _cells, _rollups);
            bytes memory proof = _proof(steps);
            ++tampered;
            vm.prank(settlement.settler());
            try settlement.settle(EpochNumber.wrap(epochs + 1), Steps.pack(steps), BOOKS, proof) {
                ++wronglyAccepted;
            } catch {}
        }
        _unplanEpoch();
    }

    function claim(uint256 seed) external {
        (bool found, Claim memory c, bytes32[] memory path) = _drawClaim(seed, 0);
        if (!found) return;
        Exit storage e = exits[RollupId.unwrap(c.rollup)][c.index];
        if (e.paid) {
            try settlement.claim(c, path) {
                ++wronglyAccepted;
            } catch {}
            return;
        }
        uint256 before = _creditOf(c);
        settlement.claim(c, path);
        _bookClaim(e, _creditOf(c) - before);
    }

    function claimMany(uint256 seed) external {
        Claim[] memory list = new Claim[](5);
        bytes32[][] memory paths = new bytes32[][](5);
        uint256 count = 0;
        for (uint256 i = 0; i < 5; ++i) {
            (bool found, Claim memory c, bytes32[] memory path) = _drawClaim(seed, i);
            if (!found) continue;
            (list[count], paths[count]) = (c, path);
            ++count;
        }
        Claim[] memory some = new Claim[](count);
        bytes32[][] memory somePaths = new bytes32[][](count);
        uint256 fresh = 0;
        for (uint256 i = 0; i < count; ++i) {
            (some[i], somePaths[i]) = (list[i], paths[i]);
            Exit storage e = exits[RollupId.unwrap(list[i].rollup)][list[i].index];
            if (e.paid) continue;
            ++fresh;
            _bookClaim(e, _fails(list[i]) ? list[i].atoms : 0);
        }
        uint256 paid = settlement.claimMany(some, somePaths);
        vm.assertEq(paid, fresh, "paid");
    }

    /// @dev A claim with one thing changed must be refused.
    function claimTampered(uint256 seed) external {
        (bool found, Claim memory c, bytes32[] memory path) = _drawClaim(seed, 0);
        if (!found) return;
        uint256 what = _draw(seed, 7, 5);
        if (what == 0) c.atoms += 1;
        if (what == 1) c.index += 1 + uint32(_draw(seed, 8, 2 ** 20));
        if (what == 2) c.recipient = address(uint160(c.recipient) ^ 1);
        if (what == 3) c.asset = _asset(AssetId.unwrap(c.asset) % ASSETS + 1);
        if (what == 4) path[_draw(seed, 9, 32)] ^= bytes32(uint256(1));
        ++tampered;
        try settlement.claim(c, path) {
            ++wronglyAccepted;
        } catch {}
    }

    function withdrawCredit(uint256 seed) external {
        address who = recipients[_draw(seed, 0, recipients.length)];
        uint256 asset = 1 + _draw(seed, 1, ASSETS);
        if (owed[asset][who] == 0) return;
        vm.prank(who);
        settlement.withdrawCredit(_asset(asset), recipients[0]);
        owed[asset][who] = 0;
    }

    function deliverCredit(uint256 seed) external {
        address who = recipients[_draw(seed, 0, recipients.length)];
        uint256 asset = 1 + _draw(seed, 1, ASSETS);
        try settlement.deliverCredit(_asset(asset), who) {
            if (owed[asset][who] == 0) ++wronglyAccepted;
            owed[asset][who] = 0;
        } catch {}
    }

    /// @dev Tokens that nobody deposited: they belong to no cell.
    function donate(uint256 asset, uint96 atoms) external {
        asset = bound(asset, 2, ASSETS);
        tokens[asset - 1].mint(address(settlement), atoms);
    }

    // --- An epoch ---------------------------------------------------------------------------

    function _planEpoch(uint256 seed) private {
        for (uint256 a = 1; a <= ASSETS; ++a) {
            uint256 moving = 0;
            uint256 last = 0;
            for (uint256 r = 1; r <= ROLLUPS; ++r) {
                if (_draw(seed, 100 * a + r, 2) == 0) continue;
                moving = _planCell(seed, r, a, moving);
                last = _cells.length;
            }
            // What is still on the way arrives where the last cell is.
            if (last != 0) _cells[last - 1].balance += uint96(moving);
        }
        for (uint256 r = 1; r <= ROLLUPS; ++r) {
            if (_freshExits[r] == 0 && _draw(seed, 900 + r, 3) != 0) continue;
            SettlementKey memory key = Keys.key(r);
            bytes32 root = ExitTree.root(_leaves[r], _leaves[r].length);
            _rollups.push(EmittedRollup(_rollup(r), heights[r] + 1, ~root, root, key.x, key.y));
        }
    }

    /// @return moving What the cell passes on to those after it.
    function _planCell(uint256 seed, uint256 r, uint256 a, uint256 moving)
        private
        returns (uint256)
    {
        ModelCell storage m = cells[r][a];
        uint256 salt = 1000 * a + 10 * r;
        uint256 deposited = _draw(seed, salt, m.deposited - m.settled + 1);
        uint256 here = m.balance + deposited + moving;
        uint256 exited = _draw(seed, salt + 1, 2) == 0 ? 0 : _draw(seed, salt + 2, here + 1);
        moving = _draw(seed, salt + 3, here - exited + 1);
        uint96 left = uint96(here - exited - moving);
        _cells.push(EmittedCell(_rollup(r), _asset(a), left, uint96(deposited), uint96(exited)));
        if (exited != 0) _planExit(seed, r, a, exited);
        return moving;
    }

    function _planExit(uint256 seed, uint256 r, uint256 a, uint256 exited) private {
        address recipient = recipients[_draw(seed, 3000 + 10 * r + a, recipients.length)];
        uint32 index = uint32(_leaves[r].length);
        Claim memory c = Claim(
            EpochNumber.wrap(epochs + 1), _rollup(r), index, _asset(a), recipient, uint96(exited)
        );
        bytes memory fields = abi.encode(r, index, a, recipient, exited);
        _leaves[r].push(keccak256(bytes.concat(keccak256(fields))));
        exits[r].push(Exit(c, false));
        ++_freshExits[r];
    }

    function _unplanEpoch() private {
        for (uint256 r = 1; r <= ROLLUPS; ++r) {
            for (; _freshExits[r] != 0; --_freshExits[r]) {
                exits[r].pop();
                _leaves[r].pop();
            }
        }
        delete _cells;
        delete _rollups;
    }

    function _bookEpoch(bytes32 closing) private {
        ++epochs;
        digest = closing;
        for (uint256 i = 0; i < _cells.length; ++i) {
            EmittedCell storage c = _cells[i];
            ModelCell storage m = cells[RollupId.unwrap(c.rollup)][AssetId.unwrap(c.asset)];
            m.balance = c.balance;
            m.settled += c.deposited;
            m.exited += c.exited;
        }
        for (uint256 i = 0; i < _rollups.length; ++i) {
            uint256 r = RollupId.unwrap(_rollups[i].rollup);
            ++heights[r];
            _leavesAt[r][epochs] = _leaves[r].length;
            _activeEpochs[r].push(epochs);
            _freshExits[r] = 0;
        }
        delete _cells;
        delete _rollups;
    }

    function _proveEpoch(uint256 seed) private view returns (uint256[90][] memory) {
        return Steps.build(_digestOf(seed), _cells, _rollups);
    }

    function _digestOf(uint256 seed) private view returns (bytes32) {
        return bytes32(uint256(keccak256(abi.encode(digest, seed))) >> 8);
    }

    function _proof(uint256[90][] memory steps) private view returns (bytes memory) {
        return verifier.prove(
            settlement.domainWord(),
            EpochNumber.wrap(epochs + 1),
            uint256(digest),
            Steps.pack(steps)
        );
    }

    // --- Claims -----------------------------------------------------------------------------

    /// @dev Any exit, paid or not, against any root that holds it.
    function _drawClaim(uint256 seed, uint256 salt)
        private
        view
        returns (bool, Claim memory c, bytes32[] memory path)
    {
        uint256 r = 1 + _draw(seed, 5000 + salt, ROLLUPS);
        uint256 count = exits[r].length;
        if (count == 0) return (false, c, path);
        uint256 index = _draw(seed, 5100 + salt, count);
        c = exits[r][index].claim;
        uint64[] storage active = _activeEpochs[r];
        uint64 number = active[_draw(seed, 5200 + salt, active.length)];
        if (_leavesAt[r][number] <= index) number = EpochNumber.unwrap(c.epoch);
        c.epoch = EpochNumber.wrap(number);
        path = ExitTree.path(_leaves[r], _leavesAt[r][number], index);
        return (true, c, path);
    }

    function _bookClaim(Exit storage e, uint256 credited) private {
        Claim storage c = e.claim;
        e.paid = true;
        cells[RollupId.unwrap(c.rollup)][AssetId.unwrap(c.asset)].claimed += c.atoms;
        vm.assertEq(credited, _fails(c) ? c.atoms : 0, "credited");
        owed[AssetId.unwrap(c.asset)][c.recipient] += credited;
    }

    /// @dev The last three recipients fail when Ether comes; tokens reach everybody.
    function _fails(Claim memory c) private view returns (bool) {
        bool plain = c.recipient == recipients[0] || c.recipient == recipients[1];
        return AssetId.unwrap(c.asset) == 1 && !plain;
    }

    function _creditOf(Claim memory c) private view returns (uint256) {
        return settlement.credit(c.asset, c.recipient);
    }

    // --- Small things -----------------------------------------------------------------------

    function _draw(uint256 seed, uint256 salt, uint256 below) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed, salt))) % below;
    }

    function _rollup(uint256 r) private pure returns (RollupId) {
        return RollupId.wrap(uint16(r));
    }

    function _asset(uint256 a) private pure returns (AssetId) {
        return AssetId.wrap(uint16(a));
    }

    function exitCount(uint256 r) external view returns (uint256) {
        return exits[r].length;
    }

    function held(uint256 a) external view returns (uint256) {
        return a == 1 ? address(settlement).balance : tokens[a - 1].balanceOf(address(settlement));
    }
}
